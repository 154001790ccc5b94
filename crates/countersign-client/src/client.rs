//! The client and its configuration. The calls are in `calls/`, one file for each resource; how a call is
//! sent is in `exchange.rs`.

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use countersign_domain::ids::{Environment, PublicKeyId, Region};
use countersign_domain::with_texts;
use countersign_world::{Clock, Entropy, SystemClock, SystemEntropy};

use crate::endpoint::Endpoint;
use crate::https::Https;
use crate::retry::RetryPolicy;
use crate::signer::SignRequest;
use crate::simulation::SimulationCode;
use crate::transport::Transport;

/// How long calls may take. All deadlines are on by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For a connection, including its TLS handshake. If it is exceeded, the request certainly never left.
    pub connect: Duration,
    /// For one try of a call, from its first byte to the last byte of the answer.
    pub call: Duration,
    /// The same for Finalize and Complete, during which Amazon asks the buyer's bank. At least 20 s.
    pub payment: Duration,
}

impl Deadlines {
    /// The minimum for Finalize and Complete: giving up earlier leaves paid orders in doubt.
    pub const LEAST_FOR_PAYMENT: Duration = Duration::from_secs(20);
}

impl Default for Deadlines {
    /// 5 s, 15 s and 25 s.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(15),
            payment: Duration::from_secs(25),
        }
    }
}

/// A client of Amazon Pay for one merchant key. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) simulation: Option<SimulationCode>,
}

/// The configuration, with defaults for what was not configured.
pub(crate) struct Shared {
    pub(crate) settings: ClientBuilder,
    pub(crate) environment: Environment,
    pub(crate) transport: Arc<dyn Transport>,
}

impl Client {
    /// Starts a client for a region, with the merchant's key.
    #[must_use]
    pub fn builder(region: Region, signer: Arc<dyn SignRequest>) -> ClientBuilder {
        ClientBuilder {
            region,
            signer,
            environment: None,
            endpoint: Endpoint::amazon(region),
            deadlines: Deadlines::default(),
            retry: RetryPolicy::default(),
            transport: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    /// The same client, whose calls ask Amazon's sandbox to simulate an outcome, such as `HardDeclined`. For
    /// tests: each call that can be simulated refuses a code that it does not know. These are Complete and
    /// Finalize Checkout Session, Create and Capture Charge, Close Charge Permission and Create Refund; all
    /// other calls are sent as usual.
    ///
    /// # Errors
    /// For a client of the live environment.
    pub fn simulating(&self, code: &SimulationCode) -> Result<Self, ConfigurationRefused> {
        match self.environment() {
            Environment::Sandbox => Ok(Self { simulation: Some(code.clone()), ..self.clone() }),
            Environment::Live => Err(ConfigurationRefused::SimulationInLive),
        }
    }

    /// The same client, whose calls do not ask the sandbox to simulate an outcome.
    pub(crate) fn not_simulating(&self) -> Self {
        Self { simulation: None, ..self.clone() }
    }

    /// Where this client's calls go.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.shared.settings.endpoint
    }

    /// The id of the key that signs this client's calls.
    #[must_use]
    pub fn public_key_id(&self) -> &PublicKeyId {
        self.shared.settings.signer.public_key_id()
    }

    /// Whether this client's objects live in the sandbox or move real money.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.shared.environment
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.shared.settings.endpoint)
            .field("region", &self.shared.settings.region)
            .field("environment", &self.shared.environment)
            .field("simulation", &self.simulation)
            .finish_non_exhaustive()
    }
}

with_texts! {
    /// Why a client cannot be built from its parts.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    ConfigurationRefused {
        /// The key's id names no environment, so the builder must.
        EnvironmentUnknown =
            "the public key id does not name an environment: set the environment to sandbox or live";
        /// The key's id names the other environment.
        EnvironmentContradictsKey = "the public key id names a different environment from the one that is set";
        /// The deadline for payments is below [`Deadlines::LEAST_FOR_PAYMENT`].
        PaymentDeadlineTooShort = "the deadline for Finalize and Complete must be at least 20 s";
        /// Outcomes can be simulated only in the sandbox.
        SimulationInLive = "outcomes can be simulated only in the sandbox";
    }
}

/// A client under construction.
pub struct ClientBuilder {
    pub(crate) region: Region,
    pub(crate) signer: Arc<dyn SignRequest>,
    environment: Option<Environment>,
    pub(crate) endpoint: Endpoint,
    pub(crate) deadlines: Deadlines,
    pub(crate) retry: RetryPolicy,
    transport: Option<Arc<dyn Transport>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl ClientBuilder {
    /// Names the environment: needed unless the public key id begins with `SANDBOX` or `LIVE`.
    #[must_use]
    pub fn environment(self, environment: Environment) -> Self {
        Self { environment: Some(environment), ..self }
    }

    /// Uses a base address other than Amazon's for the region.
    #[must_use]
    pub fn endpoint(self, endpoint: Endpoint) -> Self {
        Self { endpoint, ..self }
    }

    /// Uses deadlines other than the defaults.
    #[must_use]
    pub fn deadlines(self, deadlines: Deadlines) -> Self {
        Self { deadlines, ..self }
    }

    /// Uses a retry policy other than the default.
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// Sends requests through this transport instead of the default one.
    #[must_use]
    pub fn transport(self, transport: Arc<dyn Transport>) -> Self {
        Self { transport: Some(transport), ..self }
    }

    /// Uses a clock other than the system's.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Uses a source of jitter other than the system's.
    #[must_use]
    pub fn entropy(self, entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy, ..self }
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConfigurationRefused`] if the parts contradict each other.
    pub fn build(self) -> Result<Client, ConfigurationRefused> {
        let environment = match (self.signer.public_key_id().environment(), self.environment) {
            (Some(of_the_key), Some(named)) if of_the_key != named => {
                return Err(ConfigurationRefused::EnvironmentContradictsKey);
            }
            (Some(environment), _) | (None, Some(environment)) => environment,
            (None, None) => return Err(ConfigurationRefused::EnvironmentUnknown),
        };
        if self.deadlines.payment < Deadlines::LEAST_FOR_PAYMENT {
            return Err(ConfigurationRefused::PaymentDeadlineTooShort);
        }
        let https = || Arc::new(Https::new(&self.endpoint, self.deadlines.connect)) as Arc<dyn Transport>;
        let transport = self.transport.clone().unwrap_or_else(https);
        let shared = Arc::new(Shared { settings: self, environment, transport });
        Ok(Client { shared, simulation: None })
    }
}
