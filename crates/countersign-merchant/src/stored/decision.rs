//! What persons have decided about a checkout, within its document.

use countersign_document::stored;
use countersign_domain::merchant::decision::evidence::Evidence;
use countersign_domain::merchant::decision::{
    Asked, Decision, DecisionState, Decisions, Precedence, SessionAbsence, Statement, Subject,
};

use super::Merchant;

stored! {
    by Merchant;

    struct Decisions { made or default, absences or default }

    struct SessionAbsence { attempt, absence }

    struct Decision { subject, asked, first, second, supersedes, replaces, state }

    enum Subject {
        Attempt(number),
        Operation(number),
        Unexplained(charge_permission_id),
        Dispute(dispute_id),
    }

    enum Asked {
        Paid { charge_permission_id, charge_id, amount },
        NotPaid,
        Refund { charge_permission_id, charge_id, amount },
        Done { charge_id, refund_id },
        NoEffect,
        Ours,
        NotOurs,
        RefundUnexplained { amount },
        Won,
        Lost { amount },
        Remind { at },
    }

    struct Statement { reference, actor, evidence, at }

    text Evidence: as_str, Evidence::stored;

    enum Precedence { First, Disputes, Besides }

    enum DecisionState {
        AwaitsSecond { until },
        Expired { at },
        Made { at },
        Reminds { at },
        Reminded { at },
        Superseded { at },
    }
}
