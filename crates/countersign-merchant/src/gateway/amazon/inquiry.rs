//! What Amazon shows for a decision of a person's: each Get says whether Amazon showed the object, said that it
//! has none, or gave no answer that says anything.

use countersign_client::{Answer, Error};
use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, RefundId};
use countersign_domain::merchant::attempt::agree::SessionView;
use countersign_domain::merchant::decision::shown::{PermissionFacts, RefundFacts, Shown};
use countersign_domain::merchant::payment::charge::ChargeView;
use countersign_protocol::wire::ChargePermission;

use super::payment::{charge_shown, permission_shown, refund_shown};
use super::{Amazon, amount_view, is_own_404};

impl Amazon {
    /// Get Checkout Session.
    pub(crate) async fn inquire_session(&self, id: &CheckoutSessionId) -> Shown<SessionView> {
        self.session(id).await.map_or(Shown::Silent, Shown::It)
    }

    /// Get Charge Permission.
    pub(crate) async fn inquire_permission(&self, id: &ChargePermissionId) -> Shown<PermissionFacts> {
        let answer = self.noted(self.client.get_charge_permission(id).await);
        shown(answer, id.as_str(), |answer| permission_facts(id, &answer))
    }

    /// Get Charge.
    pub(crate) async fn inquire_charge(&self, id: &ChargeId) -> Shown<ChargeView> {
        let asked_at = self.clock.now();
        let answer = self.noted(self.client.get_charge(id).await);
        shown(answer, id.as_str(), |answer| {
            charge_shown(&answer, asked_at).ok().filter(|charge| charge.id == *id)
        })
    }

    /// Get Refund.
    pub(crate) async fn inquire_refund(&self, id: &RefundId) -> Shown<RefundFacts> {
        let answer = self.noted(self.client.get_refund(id).await);
        shown(answer, id.as_str(), |answer| {
            let view = refund_shown(&answer.value).ok().filter(|refund| refund.id == *id)?;
            Some(RefundFacts { view, created_at: answer.value.creation_timestamp })
        })
    }
}

fn shown<T, V>(
    answer: Result<Answer<T>, Error>,
    id: &str,
    read: impl FnOnce(Answer<T>) -> Option<V>,
) -> Shown<V> {
    match answer {
        Ok(answer) => read(answer).map_or(Shown::Silent, Shown::It),
        Err(error) if is_own_404(&error, id) => Shown::Missing,
        Err(_) => Shown::Silent,
    }
}

fn permission_facts(id: &ChargePermissionId, answer: &Answer<ChargePermission>) -> Option<PermissionFacts> {
    let permission = &answer.value;
    let state = permission_shown(id, permission).ok()?.state;
    let limits = permission.limits.clone().unwrap_or_default();
    let amount = |name, price: Option<_>| amount_view(name, price.as_ref(), &answer.malformed);
    Some(PermissionFacts {
        id: id.clone(),
        state,
        created_at: permission.creation_timestamp,
        merchant_reference_id: permission
            .merchant_metadata
            .as_ref()
            .and_then(|metadata| metadata.merchant_reference_id.clone()),
        limit: amount("limits.amountLimit", limits.amount_limit),
        balance: amount("limits.amountBalance", limits.amount_balance),
    })
}
