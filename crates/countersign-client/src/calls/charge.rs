//! The calls on Charges.

use countersign_domain::ids::ChargeId;
use countersign_protocol::wire::Charge;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Get Charge: its state, its amounts, what was captured and refunded.
    ///
    /// # Errors
    /// None of them changes anything; 404 `ResourceNotFound` for a charge of somebody else.
    pub async fn get_charge(&self, id: &ChargeId) -> Result<Answer<Charge>, Error> {
        self.exchange(&self.read_call("getCharge", format!("charges/{id}"))).await
    }
}
