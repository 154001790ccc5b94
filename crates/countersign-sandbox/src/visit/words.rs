//! The words of a button's configuration and of the page's forms, as they are written there and stored.

use countersign_domain::ids::Region;

use crate::words::words;

words! {
    /// The button's event handlers.
    Handler {
        InitCheckout = "onInitCheckout",
        ShippingAddressSelection = "onShippingAddressSelection",
        DeliveryOptionSelection = "onDeliveryOptionSelection",
        CompleteCheckout = "onCompleteCheckout",
        Cancel = "onCancel",
        Error = "onError",
        GiftWrapOptionSelection = "onGiftWrapOptionSelection",
        MerchantManagedPaymentMethodSelection = "onMerchantManagedPaymentMethodSelection",
    }
}

words! {
    /// What a buyer can be asked to share.
    Scope {
        Name = "name",
        Email = "email",
        PhoneNumber = "phoneNumber",
        BillingAddress = "billingAddress",
        ShippingAddress = "shippingAddress",
        PostalCode = "postalCode",
        PrimeStatus = "primeStatus",
    }
}

words! {
    /// How the page is shown. This also decides how the page finds the shop's page.
    Display {
        Popup = "popup",
        Overlay = "overlay",
        Window = "window",
    }
}

words! {
    /// What a buyer of the redirecting flow came for: to choose, or, by `amazonPayRedirectUrl`, to pay for
    /// what was chosen.
    Purpose {
        Choosing = "choose",
        Paying = "pay",
    }
}

words! {
    /// `checkoutLanguage`.
    CheckoutLanguage {
        EnUs = "en_US",
        EnGb = "en_GB",
        DeDe = "de_DE",
        FrFr = "fr_FR",
        ItIt = "it_IT",
        EsEs = "es_ES",
        JaJp = "ja_JP",
    }
}

impl Scope {
    /// The scopes that are asked for if none is named (Amazon's rule).
    pub(crate) fn unless_named() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|scope| *scope != Self::BillingAddress).collect()
    }
}

impl CheckoutLanguage {
    /// The language for a region's buyers, if the button names none.
    pub(crate) const fn default_for(region: Region) -> Self {
        match region {
            Region::NorthAmerica => Self::EnUs,
            Region::Europe => Self::EnGb,
            Region::Japan => Self::JaJp,
        }
    }
}

words! {
    /// What the bank does when the order is placed, as the tester chooses.
    Bank {
        AsTheCardSays = "card",
        Declines = "decline",
        Asks = "mfa",
    }
}
