//! How a call is sent: signed again for every try, limited in time, read, and repeated as the retry policy
//! decides. Nothing here distinguishes one call from another.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::{self, Object, ReadAnswer, read_answer};
use countersign_world::within;

use crate::answer::{Answer, Head};
use crate::call::{Call, Tries};
use crate::client::Client;
use crate::error::{CallResult, Cause, Error, UnusableAnswer};
use crate::failure_class::FailureClass;
use crate::retry::Decision;
use crate::transport::TransportError;

impl Client {
    pub(crate) async fn exchange<T: Object>(&self, call: &Call<'_>) -> CallResult<T> {
        let settings = &self.shared.settings;
        let mut attempts = 0_u32;
        let mut earlier_try_in_doubt = false;
        let mut now = settings.clock.now();
        let began_at = now;
        loop {
            attempts = attempts.saturating_add(1);
            let cause = match self.one_try(call, now, attempts).await {
                Ok(answer) => return Ok(answer),
                Err(cause) => cause,
            };
            let decision = match (call.tries, cause.outcome()) {
                (Tries::AsThePolicyDecides, Some(outcome)) => {
                    let elapsed = settings.clock.now().since(began_at);
                    settings.retry.decide(call.repeatable, attempts, outcome, elapsed, self.jitter())
                }
                (Tries::One, _) | (_, None) => Decision::GiveUp,
            };
            let Decision::Wait(pause) = decision else {
                return Err(Error::new(call, (attempts, earlier_try_in_doubt), cause));
            };
            let failure_class = cause.failure_class();
            tracing::debug!(
                call = call.name,
                attempts,
                ?failure_class,
                ?pause,
                "a call will be sent again after a pause"
            );
            earlier_try_in_doubt |= failure_class == FailureClass::InDoubt;
            settings.clock.sleep(pause).await;
            now = settings.clock.now();
        }
    }

    async fn one_try<T: Object>(
        &self,
        call: &Call<'_>,
        now: Timestamp,
        attempts: u32,
    ) -> Result<Answer<T>, Cause> {
        let shared = &*self.shared;
        let request = self.signed_request(call, now).map_err(Cause::NotBuilt)?;
        let sending = shared.transport.send(request, call.deadline);
        let answer = within(&shared.settings.clock, call.deadline, sending).await;
        let answer = answer.unwrap_or(Err(TransportError::TimedOut)).map_err(Cause::Transport)?;
        read(answer, attempts)
    }

    fn jitter(&self) -> u16 {
        let mut bytes = [0; 2];
        self.shared.settings.entropy.fill(&mut bytes);
        u16::from_be_bytes(bytes)
    }
}

fn read<T: Object>(answer: http::Response<Bytes>, attempts: u32) -> Result<Answer<T>, Cause> {
    let head = Head::read(&answer);
    let is_success = answer.status().is_success();
    let body = answer.into_body();
    let (refusal, flaw) = if is_success {
        match read_answer::<T>(&body) {
            Ok(ReadAnswer { value, malformed }) => {
                let Head { status, request_id, date, .. } = head;
                return Ok(Answer { value, malformed, status, request_id, date, body, attempts });
            }
            Err(refused) => {
                (wire::Error::default(), Some(format!("its body cannot be read: {}", refused.why)))
            }
        }
    } else {
        (read_answer(&body).map(|read| read.value).unwrap_or_default(), None)
    };
    Err(Cause::Answered(Box::new(UnusableAnswer { head, body, refusal, flaw })))
}
