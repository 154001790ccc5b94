//! What a notification says: which object has changed. It does not contain the object's state.

use countersign_domain::ids::{ChargeId, ChargePermissionId, MerchantId, RefundId};
use countersign_domain::with_texts;

use crate::object;
use crate::wire::{Object as _, Word, read_answer, words};

object! {
    /// The members as they are in the JSON text. Their names start with a small letter in Amazon's
    /// table, but with a capital in Amazon's schema and messages.
    struct Members {
        merchant_id: MerchantId = "MerchantID" | "MerchantId" | "merchantID" | "merchantId",
        object_type: Word<ObjectType> = "ObjectType" | "objectType",
        object_id: String = "ObjectId" | "objectId",
        charge_permission_id: ChargePermissionId = "ChargePermissionId" | "chargePermissionId",
        notification_type: Word<NotificationType> = "NotificationType" | "notificationType",
        notification_id: String = "NotificationId" | "notificationId",
        notification_version: String = "NotificationVersion" | "notificationVersion",
    }
}

words! {
    /// The kinds of objects that Amazon notifies of.
    ObjectType {
        /// A Charge Permission.
        ChargePermission = "CHARGE_PERMISSION",
        /// A Charge.
        Charge = "CHARGE",
        /// A Refund.
        Refund = "REFUND",
        /// A dispute that a buyer has opened with the bank.
        Chargeback = "CHARGEBACK",
    }
}

words! {
    /// What happened to the object.
    NotificationType {
        /// Its state has changed.
        StateChange = "STATE_CHANGE",
        /// One of its members has changed.
        AttributeChange = "ATTRIBUTE_CHANGE",
    }
}

/// A notification's message: an object has changed and should be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `MerchantID`: the owner of the object.
    pub merchant_id: MerchantId,
    /// `ObjectType` and `ObjectId`: the object that has changed.
    pub object: NotifiedObject,
    /// `ChargePermissionId`: the permission that the object belongs to.
    pub charge_permission_id: Option<ChargePermissionId>,
    /// `NotificationType`.
    pub notification_type: Option<Word<NotificationType>>,
    /// `NotificationId`: random, for tracking only.
    pub notification_id: Option<String>,
    /// `NotificationVersion`: `V2`.
    pub notification_version: Option<String>,
}

/// The object that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotifiedObject {
    /// A Charge Permission.
    ChargePermission(ChargePermissionId),
    /// A Charge.
    Charge(ChargeId),
    /// A Refund.
    Refund(RefundId),
    /// A dispute; the form of its id is not documented.
    Chargeback(String),
    /// A kind of object that this version does not know.
    Other {
        /// The word as it came.
        object_type: String,
        /// The id as it came.
        object_id: String,
    },
}

impl NotifiedObject {
    /// The kind of object.
    #[must_use]
    pub fn object_type(&self) -> Word<ObjectType> {
        match self {
            Self::ChargePermission(_) => ObjectType::ChargePermission.into(),
            Self::Charge(_) => ObjectType::Charge.into(),
            Self::Refund(_) => ObjectType::Refund.into(),
            Self::Chargeback(_) => ObjectType::Chargeback.into(),
            Self::Other { object_type, .. } => Word::Unknown(object_type.clone()),
        }
    }

    /// The object's id.
    #[must_use]
    pub fn object_id(&self) -> &str {
        match self {
            Self::ChargePermission(id) => id.as_str(),
            Self::Charge(id) => id.as_str(),
            Self::Refund(id) => id.as_str(),
            Self::Chargeback(object_id) | Self::Other { object_id, .. } => object_id,
        }
    }

    fn read(object_type: Word<ObjectType>, object_id: String) -> Option<Self> {
        match object_type {
            Word::Known(ObjectType::ChargePermission) => {
                ChargePermissionId::parse(&object_id).ok().map(Self::ChargePermission)
            }
            Word::Known(ObjectType::Charge) => ChargeId::parse(&object_id).ok().map(Self::Charge),
            Word::Known(ObjectType::Refund) => RefundId::parse(&object_id).ok().map(Self::Refund),
            Word::Known(ObjectType::Chargeback) => is_word(&object_id).then_some(Self::Chargeback(object_id)),
            Word::Unknown(object_type) => {
                is_word(&object_id).then_some(Self::Other { object_type, object_id })
            }
        }
    }
}

/// The longest word that a message may have, in bytes.
const MAX_WORD_LEN: usize = 128;

fn is_word(text: &str) -> bool {
    (1..=MAX_WORD_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

with_texts! {
    /// Why a text is not a message. The reason quotes nothing of the text.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    MessageRefused {
        /// It is not a JSON object, is nested too deeply, or has a member twice.
        NotAnObject = "the message is not a JSON object, is nested too deeply, or has a member twice";
        /// A member is missing.
        Missing {
            /// Its name.
            member: &'static str,
        } = "the message has no {member}";
        /// A member does not have the required form.
        Malformed {
            /// Its name.
            member: &'static str,
        } = "the message's {member} is malformed";
    }
}

impl Message {
    /// Reads a message. Unknown members are ignored.
    ///
    /// # Errors
    /// Names the missing or malformed member.
    pub fn parse(text: &str) -> Result<Self, MessageRefused> {
        const NAMES: [&str; 7] = [
            "MerchantID",
            "ObjectType",
            "ObjectId",
            "ChargePermissionId",
            "NotificationType",
            "NotificationId",
            "NotificationVersion",
        ];
        let read = read_answer::<Members>(text.as_bytes()).map_err(|_| MessageRefused::NotAnObject)?;
        if let Some(malformed) = read.malformed.first() {
            let member = NAMES.into_iter().find(|name| *name == malformed.field).unwrap_or("member");
            return Err(MessageRefused::Malformed { member });
        }
        let members = read.value;
        let missing = |member| MessageRefused::Missing { member };
        let merchant_id = members.merchant_id.ok_or(missing("MerchantID"))?;
        let object_type = members.object_type.ok_or(missing("ObjectType"))?;
        let object_id = members.object_id.ok_or(missing("ObjectId"))?;
        for (member, word) in [
            ("ObjectType", Some(object_type.as_str())),
            ("NotificationType", members.notification_type.as_ref().map(Word::as_str)),
            ("NotificationId", members.notification_id.as_deref()),
            ("NotificationVersion", members.notification_version.as_deref()),
        ] {
            if word.is_some_and(|word| !is_word(word)) {
                return Err(MessageRefused::Malformed { member });
            }
        }
        Ok(Self {
            merchant_id,
            object: NotifiedObject::read(object_type, object_id)
                .ok_or(MessageRefused::Malformed { member: "ObjectId" })?,
            charge_permission_id: members.charge_permission_id,
            notification_type: members.notification_type,
            notification_id: members.notification_id,
            notification_version: members.notification_version,
        })
    }

    /// The message as JSON text, with member names that start with a capital.
    #[must_use]
    pub fn to_json(&self) -> String {
        let members = Members {
            merchant_id: Some(self.merchant_id.clone()),
            object_type: Some(self.object.object_type()),
            object_id: Some(self.object.object_id().to_owned()),
            charge_permission_id: self.charge_permission_id.clone(),
            notification_type: self.notification_type.clone(),
            notification_id: self.notification_id.clone(),
            notification_version: self.notification_version.clone(),
            ..Members::default()
        };
        members.to_request()
    }
}
