//! How a call is sent: signed anew for every try, bounded in time, read, and repeated as the retry
//! policy decides. Nothing here knows one call from another.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_protocol::wire::{self, Object, read_answer};
use countersign_world::within;

use crate::answer::{Answer, Head};
use crate::call::{Call, Tries};
use crate::client::Client;
use crate::error::{Cause, Error};
use crate::retry::Decision;
use crate::standing::Standing;
use crate::transport::TransportError;

impl Client {
    pub(crate) async fn exchange<T: Object>(&self, call: &Call<'_>) -> Result<Answer<T>, Error> {
        let shared = &*self.shared;
        let mut attempts = 0_u32;
        let mut earlier_try_in_doubt = false;
        let mut now = shared.clock.now();
        let began_at = now;
        loop {
            attempts = attempts.saturating_add(1);
            let cause = match self.one_try(call, now, attempts).await {
                Ok(answer) => return Ok(answer),
                Err(cause) => cause,
            };
            let decision = match (call.tries, cause.outcome()) {
                (Tries::AsThePolicyDecides, Some(outcome)) => {
                    let elapsed = shared.clock.now().since(began_at);
                    shared.retry.decide(call.repeatable, attempts, outcome, elapsed, self.jitter())
                }
                (Tries::One, _) | (_, None) => Decision::GiveUp,
            };
            let standing = cause.standing();
            match decision {
                Decision::GiveUp => {
                    let kind = (call.effect, call.repeatable);
                    return Err(Error::new(call.name, kind, (attempts, earlier_try_in_doubt), cause));
                }
                Decision::Wait(pause) => {
                    tracing::debug!(
                        call = call.name,
                        attempts,
                        ?standing,
                        ?pause,
                        "sending again after a pause"
                    );
                    earlier_try_in_doubt |= standing == Standing::InDoubt;
                    shared.clock.sleep(pause).await;
                    now = shared.clock.now();
                }
            }
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
        let answer = within(&shared.clock, call.deadline, sending).await;
        let answer = answer.unwrap_or(Err(TransportError::TimedOut)).map_err(Cause::Transport)?;
        read(answer, attempts)
    }

    fn jitter(&self) -> u16 {
        let mut bytes = [0; 2];
        self.shared.entropy.fill(&mut bytes);
        u16::from_be_bytes(bytes)
    }
}

fn read<T: Object>(answer: http::Response<Bytes>, attempts: u32) -> Result<Answer<T>, Cause> {
    let head = Box::new(Head::read(&answer));
    let is_success = answer.status().is_success();
    let body = answer.into_body();
    if !is_success {
        let error = read_answer::<wire::Error>(&body).map(|read| read.value).unwrap_or_default();
        return Err(Cause::Refused { head, reason_code: error.reason_code, message: error.message, body });
    }
    match read_answer::<T>(&body) {
        Ok(read) => Ok(Answer {
            value: read.value,
            malformed: read.malformed,
            status: head.status,
            request_id: head.request_id,
            date: head.date,
            body,
            attempts,
        }),
        Err(refused) => {
            Err(Cause::Unusable { head, why: format!("its body cannot be read: {}", refused.why), body })
        }
    }
}
