//! One reading of what Amazon's pages leave open. Each seed draws one, and the merchant half must
//! be correct under every one. Where the sandbox has a flag, the flag is set; everything else is
//! changed in the sandbox's answers on their way.

use std::time::Duration;

use countersign_domain::provider::profile::Profile;
use countersign_sandbox::settings::Flags;

use crate::entropy::Random;

/// When a Completed session is shown without its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdsOnGet {
    Always,
    /// The ids are shown only after this time has passed since the change.
    After(Duration),
    Never,
}

/// The status of a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SuccessStatus {
    /// 202 while the authorization is pending, else 200.
    ByState,
    Always200,
    Always202,
}

/// What Amazon's answers say about its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateHeader {
    Told,
    Absent,
    Garbled,
}

/// A reading.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) flags: Flags,
    pub(crate) profile: Profile,
    /// How many Gets in a thousand show an object as it was before its last change, for up to 5 s
    /// after the change.
    pub(crate) stale_reads: u32,
    /// How many Gets in a thousand do not find an object that is newer than 5 s.
    pub(crate) early_404_new: u32,
    /// How many Gets in a thousand do not find a session that was finalized less than 5 s ago.
    pub(crate) early_404_finalized: u32,
    pub(crate) ids_on_get: IdsOnGet,
    /// Whether Get says why something is Canceled.
    pub(crate) reasons_on_get: bool,
    /// How many answers to Finalize in a thousand lack an id.
    pub(crate) ids_missing_in_answer: u32,
    /// Whether Amazon remembers a 5xx for its idempotency key.
    pub(crate) stores_5xx: bool,
    pub(crate) success_status: SuccessStatus,
    pub(crate) date_header: DateHeader,
}

/// Flags that only affect other integrations.
const FLAGS_LEFT_ALONE: [&str; 2] = ["spellings", "idempotency-key-length"];

impl Reading {
    pub(crate) fn draw(random: &Random) -> Self {
        let mut flags = Flags::default();
        for flag in Flags::WORDS.iter().filter(|flag| !FLAGS_LEFT_ALONE.contains(&flag.name)) {
            // This never fails: the words are the flag's own.
            let _ = flags.choose(flag.name, random.one_of(flag.choices));
        }
        let seconds = Duration::from_secs;
        Self {
            flags,
            profile: random.one_of(Profile::ALL),
            stale_reads: random.one_of(&[0, 150, 500]),
            early_404_new: random.one_of(&[0, 0, 0, 100, 300]),
            early_404_finalized: random.one_of(&[0, 300, 1_000]),
            ids_on_get: random.one_of(&[
                IdsOnGet::Always,
                IdsOnGet::Always,
                IdsOnGet::After(seconds(5)),
                IdsOnGet::After(seconds(60)),
                IdsOnGet::Never,
            ]),
            reasons_on_get: random.happens(700),
            ids_missing_in_answer: random.one_of(&[0, 0, 0, 100]),
            stores_5xx: random.happens(400),
            success_status: random.one_of(&[
                SuccessStatus::ByState,
                SuccessStatus::ByState,
                SuccessStatus::Always200,
                SuccessStatus::Always202,
            ]),
            date_header: random.one_of(&[
                DateHeader::Told,
                DateHeader::Told,
                DateHeader::Absent,
                DateHeader::Garbled,
            ]),
        }
    }
}
