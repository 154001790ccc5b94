"""The Python client from PyPI against the sandbox. It has the first algorithm only, sends an idempotency
key with every POST, puts blanks into its JSON and escapes characters that are not ASCII."""

import tempfile
import unittest
import uuid
import warnings

from sandbox import Merchant, Sandbox

CREATION = {
    "webCheckoutDetails": {
        "checkoutReviewReturnUrl": "https://shop.example/review",
        "checkoutResultReturnUrl": "https://shop.example/result",
    },
    "storeId": "amzn1.application-oa2-client." + "0" * 32,
}

# Its authorization is decided half a minute later.
PENDING_CARD = "0701"


def usd(amount):
    return {"amount": amount, "currencyCode": "USD"}


def finalization(session):
    """The request that finalizes a session: what was agreed to, and the required address."""
    details = session["paymentDetails"]
    address = "billingAddress" if session["productType"] == "PayOnly" else "shippingAddress"
    return {
        "paymentIntent": details["paymentIntent"],
        "chargeAmount": details["chargeAmount"],
        address: session[address],
    }


def finalize(client, session, request=None, end=""):
    """The client has no method for Finalize; its raw call signs as its methods do."""
    path = f"/checkoutSessions/{session['checkoutSessionId']}/finalize{end}"
    return client.request("POST", path, finalization(session) if request is None else request)


class ClientCase(unittest.TestCase):
    """A sandbox with two merchants for each suite, and the checks of every answer."""

    @classmethod
    def setUpClass(cls):
        # The client reads the time by a function that later Pythons deprecate.
        warnings.simplefilter("ignore", DeprecationWarning)
        folder = tempfile.TemporaryDirectory(prefix="countersign-interop-")
        cls.addClassCleanup(folder.cleanup)
        cls.prefixed = Merchant(folder.name, "SANDBOX-INTEROP00000000000001")
        cls.unprefixed = Merchant(folder.name, "INTEROP00000000000000002")
        cls.impostor = Merchant(folder.name, "SANDBOX-INTEROP00000000000003")
        cls.impostor.public_key_id = cls.prefixed.public_key_id
        cls.sandbox = Sandbox([cls.prefixed, cls.unprefixed])
        cls.addClassCleanup(cls.sandbox.stop)

    def answered(self, response, status):
        """The answer's body; every answer is a JSON object and names the request."""
        self.assertEqual(response.status_code, status, response.text)
        self.assertTrue(response.headers["x-amz-pay-request-id"])
        self.assertTrue(response.headers["content-type"].startswith("application/json"))
        self.assertIsInstance(response.json(), dict)
        return response.json()

    def refused(self, response, status, reason_code, *fields):
        body = self.answered(response, status)
        self.assertEqual(body["reasonCode"], reason_code, body["message"])
        for field in fields:
            self.assertIn(field, body["message"])


class ClientTest(ClientCase):
    def stays_finalizable(self, session, act):
        """Fails unless `act` leaves the session as it was and the right request still finalizes it."""
        client = self.prefixed.client(self.sandbox)
        session_id = session["checkoutSessionId"]
        before = self.answered(client.get_checkout_session(session_id), 200)
        self.assertEqual(before["statusDetails"]["state"], "Open")
        act()
        self.assertEqual(self.answered(client.get_checkout_session(session_id), 200), before)
        self.answered(finalize(client, session), 200)

    def test_creates_gets_updates_and_completes_a_session(self):
        for merchant in (self.prefixed, self.unprefixed):
            with self.subTest(merchant.public_key_id):
                client = merchant.client(self.sandbox)
                created = self.answered(client.create_checkout_session(CREATION), 201)
                session_id = created["checkoutSessionId"]
                self.assertEqual(self.answered(client.get_checkout_session(session_id), 200), created)

                details = {"paymentIntent": "AuthorizeWithCapture", "chargeAmount": usd("14.00")}
                notes = {"noteToBuyer": "ありがとうございます"}
                update = {"paymentDetails": details, "merchantMetadata": notes}
                updated = self.answered(client.update_checkout_session(session_id, update), 200)
                self.assertEqual(updated["merchantMetadata"]["noteToBuyer"], notes["noteToBuyer"])

                self.sandbox.place_order(session_id)
                amounts = {"chargeAmount": usd("14.00")}
                completed = self.answered(client.complete_checkout_session(session_id, amounts), 200)
                self.assertEqual(completed["statusDetails"]["state"], "Completed")
                charge = self.answered(client.get_charge(completed["chargeId"]), 200)
                self.assertEqual(charge["statusDetails"]["state"], "Captured")

    def test_finalizes_a_session(self):
        for merchant in (self.prefixed, self.unprefixed):
            for product_type in ("PayAndShip", "PayOnly"):
                with self.subTest(merchant.public_key_id, product_type=product_type):
                    client = merchant.client(self.sandbox)
                    session = self.sandbox.placed(
                        productType=product_type, publicKeyId=merchant.public_key_id
                    )
                    finalized = self.answered(finalize(client, session), 200)
                    self.assertRegex(finalized["chargeId"], r"^S01-\d{7}-\d{7}-C\d{6}$")
                    permission = client.get_charge_permission(finalized["chargePermissionId"])
                    limits = self.answered(permission, 200)["limits"]
                    self.assertEqual(limits["amountLimit"]["amount"], "14.00")

    def test_a_region_in_capitals_and_a_trailing_slash_are_taken(self):
        session = self.sandbox.placed()
        client = self.prefixed.client(self.sandbox, region="NA")
        self.answered(finalize(client, session, end="/"), 200)

    def test_python_spellings_are_taken(self):
        session = self.sandbox.placed({"canHandlePendingAuthorization": True})
        spelled = {
            **finalization(session),
            "chargeAmount": usd(14.0),
            "canHandlePendingAuthorization": True,
            "billingAddress": None,
            "merchantMetadata": {"noteToBuyer": "Grüße, 山田"},
        }
        self.answered(finalize(self.prefixed.client(self.sandbox), session, spelled), 200)

    def test_a_second_finalize_has_a_key_of_its_own_and_is_refused(self):
        session = self.sandbox.placed()
        client = self.prefixed.client(self.sandbox)
        self.answered(finalize(client, session), 200)
        self.refused(finalize(client, session), 422, "InvalidCheckoutSessionStatus")

    def test_a_declined_payment_is_reported(self):
        session = self.sandbox.placed(card="3434")
        client = self.prefixed.client(self.sandbox)
        self.refused(finalize(client, session), 422, "HardDeclined")
        got = self.answered(client.get_checkout_session(session["checkoutSessionId"]), 200)
        self.assertEqual(got["statusDetails"]["reasonCode"], "Declined")

    def test_another_key_is_not_the_merchants(self):
        session = self.sandbox.placed()
        client = self.impostor.client(self.sandbox)
        self.stays_finalizable(
            session,
            lambda: self.refused(
                finalize(client, session), 403, "InvalidRequestSignature", "AMZN-PAY-RSASSA-PSS\n"
            ),
        )

    def test_a_session_of_another_merchant_is_not_found(self):
        session = self.sandbox.placed()
        client = self.unprefixed.client(self.sandbox)
        self.stays_finalizable(
            session, lambda: self.refused(finalize(client, session), 404, "ResourceNotFound")
        )
        nobodys = {**session, "checkoutSessionId": str(uuid.UUID(int=0, version=4))}
        self.refused(finalize(client, nobodys), 404, "ResourceNotFound")

    def test_bad_requests_are_refused_by_name_and_change_nothing(self):
        cases = [
            ({"chargeAmount": usd("14.01")}, 409, "AmountMismatch", "chargeAmount"),
            ({"chargeAmount": usd("1,000.00")}, 400, "InvalidParameterValue", "chargeAmount.amount"),
            ({"chargeAmount": usd(14.001)}, 400, "InvalidParameterValue", "chargeAmount.amount"),
            ({"chargeAmount": None}, 400, "MissingParameterValue", "chargeAmount"),
            ({"shippingAddress": {"name": "山田"}}, 400, "InvalidParameterValue", "shippingAddress"),
            ({"paymentIntent": "Confirm"}, 400, "InvalidParameterValue", "paymentIntent"),
            ({"payment_intent": "Authorize"}, 400, "UnrecognizedField", "payment_intent"),
        ]
        client = self.prefixed.client(self.sandbox)
        for change, status, reason_code, field in cases:
            with self.subTest(change):
                session = self.sandbox.placed()
                request = {**finalization(session), **change}
                self.stays_finalizable(
                    session,
                    lambda: self.refused(finalize(client, session, request), status, reason_code, field),
                )

    def test_a_body_that_is_not_json_is_refused(self):
        client = self.prefixed.client(self.sandbox)
        for body in ("", "paymentIntent=Authorize", '{"paymentIntent":"Auth', "[]"):
            with self.subTest(body):
                session = self.sandbox.placed()
                self.stays_finalizable(
                    session,
                    lambda: self.refused(finalize(client, session, body), 400, "InvalidRequestFormat"),
                )


class AfterResultTest(ClientCase):
    """What follows a successful Finalize. The client has a method for each of these calls. It takes no
    headers: every POST has a key of the client's own making, and none has a simulation code."""

    def setUp(self):
        self.client = self.prefixed.client(self.sandbox)

    def paid(self, intent, amount="14.00", merchant=None, card="1111", **more):
        """A finalized order: the ids of its permission and its charge. `more` adds payment details."""
        merchant = merchant or self.prefixed
        details = {"paymentIntent": intent, "chargeAmount": usd(amount), **more}
        session = self.sandbox.placed(details, publicKeyId=merchant.public_key_id, card=card)
        response = finalize(merchant.client(self.sandbox), session, {**finalization(session), **more})
        finalized = self.answered(response, 202 if card == PENDING_CARD else 200)
        return finalized["chargePermissionId"], finalized["chargeId"]

    def charged(self, ids, amount):
        return self.client.create_charge({"chargePermissionId": ids[0], "chargeAmount": amount})

    def captured(self, ids, amount):
        return self.client.capture_charge(ids[1], {"captureAmount": amount})

    def refunded(self, ids, amount):
        return self.client.create_refund({"chargeId": ids[1], "refundAmount": amount})

    def is_in(self, state, response, status=200, reason_code=None):
        """The answered object, which must be in `state`, for this reason if one is given."""
        body = self.answered(response, status)
        details = body["statusDetails"]
        self.assertEqual(details["state"], state)
        if reason_code is not None:
            # A charge has one reason, a permission a list of them.
            reasons = details.get("reasons") or [details]
            self.assertEqual([reason["reasonCode"] for reason in reasons], [reason_code])
        return body

    def is_price(self, price, amount):
        self.assertEqual((price["amount"], price["currencyCode"]), (amount, "USD"))

    def test_every_call_on_charges_permissions_and_refunds(self):
        for merchant in (self.prefixed, self.unprefixed):
            with self.subTest(merchant.public_key_id):
                client = merchant.client(self.sandbox)
                permission_id, charge_id = self.paid(
                    "Confirm", "40.00", merchant, totalOrderAmount=usd("100.00")
                )
                self.assertIsNone(charge_id)

                order = {"chargePermissionId": permission_id, "chargeAmount": usd("40.00")}
                first = self.is_in("Authorized", client.create_charge(order), 201)
                first_id = first["chargeId"]
                self.assertRegex(first_id, rf"^{permission_id}-C\d{{6}}$")
                self.assertEqual(self.answered(client.get_charge(first_id), 200), first)
                captured = client.capture_charge(first_id, {"captureAmount": usd("30.00")})
                self.is_price(self.is_in("Captured", captured)["captureAmount"], "30.00")

                order["chargeAmount"] = usd("20.00")
                second_id = self.is_in("Authorized", client.create_charge(order), 201)["chargeId"]
                cancellation = {"cancellationReason": "売り切れ"}
                canceled = client.cancel_charge(second_id, cancellation)
                self.is_in("Canceled", canceled, reason_code="MerchantCanceled")
                self.is_in("Canceled", client.get_charge(second_id))

                notes = {"merchantReferenceId": "order-7", "noteToBuyer": "Danke, 山田様"}
                update = client.update_charge_permission(permission_id, {"merchantMetadata": notes})
                updated = self.is_in("Chargeable", update)
                for note, text in notes.items():
                    self.assertEqual(updated["merchantMetadata"][note], text)
                self.is_price(updated["limits"]["amountLimit"], "100.00")
                self.is_price(updated["limits"]["amountBalance"], "70.00")
                got = client.get_charge_permission(permission_id)
                self.assertEqual(self.answered(got, 200), updated)

                money_back = {"chargeId": first_id, "refundAmount": usd("10.00")}
                refund = self.is_in("RefundInitiated", client.create_refund(money_back), 201)
                self.assertRegex(refund["refundId"], r"^S01-\d{7}-\d{7}-R\d{6}$")
                self.is_price(refund["refundAmount"], "10.00")
                self.assertEqual(self.answered(client.get_refund(refund["refundId"]), 200), refund)

                closing = {"closureReason": "all shipped", "cancelPendingCharges": False}
                closed = client.close_charge_permission(permission_id, closing)
                self.is_in("Closed", closed, reason_code="MerchantClosed")
                self.refused(client.create_charge(order), 422, "InvalidChargePermissionStatus")

                self.sandbox.advance("P1D")
                self.is_in("Refunded", client.get_refund(refund["refundId"]))
                self.is_price(self.is_in("Captured", client.get_charge(first_id))["refundedAmount"], "10.00")

    def test_python_spellings_are_taken_after_the_result_too(self):
        permission_id, _ = self.paid("Confirm", "50.00")
        order = {
            "chargePermissionId": permission_id,
            "chargeAmount": usd(50),
            "captureNow": True,
            "canHandlePendingAuthorization": False,
            "softDescriptor": None,
        }
        charge = self.is_in("Captured", self.client.create_charge(order), 201)
        self.is_price(charge["captureAmount"], "50.00")
        permission = self.client.get_charge_permission(permission_id)
        self.is_in("Closed", permission, reason_code="AmazonClosed")
        money_back = {"chargeId": charge["chargeId"], "refundAmount": usd(12.5)}
        refund = self.is_in("RefundInitiated", self.client.create_refund(money_back), 201)
        self.is_price(refund["refundAmount"], "12.50")

    def test_a_charge_is_canceled_and_a_permission_closed_without_a_reason(self):
        # Without a body to send, the client sends an empty object.
        permission_id, charge_id = self.paid("Authorize")
        self.is_in("Canceled", self.client.cancel_charge(charge_id), reason_code="MerchantCanceled")
        closed = self.client.close_charge_permission(permission_id)
        self.is_in("Closed", closed, reason_code="MerchantClosed")

    def test_closing_cancels_the_charges_if_it_is_asked_to(self):
        for cancels in (False, True):
            with self.subTest(cancels):
                permission_id, charge_id = self.paid("Authorize")
                closing = {"closureReason": "lost interest", "cancelPendingCharges": cancels}
                self.is_in("Closed", self.client.close_charge_permission(permission_id, closing))
                charge = self.client.get_charge(charge_id)
                if cancels:
                    self.is_in("Canceled", charge, reason_code="ChargePermissionCanceled")
                else:
                    self.is_in("Authorized", charge)

    def test_a_pending_charge_is_captured_once_it_is_decided(self):
        ids = self.paid("Authorize", card=PENDING_CARD, canHandlePendingAuthorization=True)
        self.is_in("AuthorizationInitiated", self.client.get_charge(ids[1]))
        self.refused(self.captured(ids, usd("14.00")), 422, "InvalidChargeStatus")
        self.sandbox.advance("PT30S")
        self.is_in("Authorized", self.client.get_charge(ids[1]))
        self.is_in("Captured", self.captured(ids, usd("14.00")))

    def test_a_call_that_is_made_twice_has_two_keys_and_two_effects(self):
        ids = self.paid("AuthorizeWithCapture")
        refunds = [self.is_in("RefundInitiated", self.refunded(ids, usd("5.00")), 201) for _ in range(2)]
        self.assertNotEqual(refunds[0]["refundId"], refunds[1]["refundId"])
        self.sandbox.advance("P1D")
        self.is_price(self.answered(self.client.get_charge(ids[1]), 200)["refundedAmount"], "10.00")

    def test_an_authorization_lapses_and_its_amount_is_charged_again(self):
        ids = self.paid("Authorize")
        self.sandbox.advance("PT48H")
        self.is_in("Canceled", self.client.get_charge(ids[1]), reason_code="ExpiredUnused")
        self.refused(self.captured(ids, usd("14.00")), 422, "InvalidChargeStatus")
        self.is_in("Authorized", self.charged(ids, usd("14.00")), 201)

    def test_bad_amounts_are_refused_by_name_and_the_most_that_is_allowed_is_taken_afterwards(self):
        euros = {"amount": "14.00", "currencyCode": "EUR"}
        cases = [
            (usd("0.00"), "InvalidParameterValue"),
            (usd("-1.00"), "InvalidParameterValue"),
            (usd(14.001), "InvalidParameterValue"),
            (euros, "CurrencyMismatch"),
            (None, "MissingParameterValue"),
        ]
        calls = [
            ("Confirm", "chargeAmount", "14.00", "14.01", "Authorized", 201, self.charged),
            ("Authorize", "captureAmount", "14.00", "14.01", "Captured", 200, self.captured),
            # 15 % may be refunded on top of what was captured.
            ("AuthorizeWithCapture", "refundAmount", "16.10", "16.11", "RefundInitiated", 201, self.refunded),
        ]
        for intent, field, most, too_much, state, status, call in calls:
            ids = self.paid(intent)
            for amount, reason_code in [*cases, (usd(too_much), "TransactionAmountExceeded")]:
                with self.subTest(field, amount=amount):
                    self.refused(call(ids, amount), 400, reason_code, field)
            with self.subTest(field, amount=most):
                self.is_price(self.is_in(state, call(ids, usd(most)), status)[field], most)

    def test_what_a_state_does_not_allow_is_refused(self):
        ids = self.paid("Authorize")
        self.refused(self.refunded(ids, usd("1.00")), 422, "InvalidChargeStatus")
        self.is_in("Captured", self.captured(ids, usd("14.00")))
        self.refused(self.captured(ids, usd("14.00")), 422, "InvalidChargeStatus")
        self.refused(self.client.cancel_charge(ids[1]), 422, "InvalidChargeStatus")

        permission_id, _ = ids = self.paid("Confirm")
        closed = self.is_in("Closed", self.client.close_charge_permission(permission_id))
        again = self.client.close_charge_permission(permission_id)
        self.refused(again, 422, "InvalidChargePermissionStatus")
        self.refused(self.charged(ids, usd("1.00")), 422, "InvalidChargePermissionStatus")
        notes = {"merchantMetadata": {"noteToBuyer": "too late"}}
        update = self.client.update_charge_permission(permission_id, notes)
        self.refused(update, 422, "ChargePermissionNotModifiable")
        self.assertEqual(self.answered(self.client.get_charge_permission(permission_id), 200), closed)

    def test_bad_reasons_and_notes_are_refused_by_name_and_change_nothing(self):
        permission_id, charge_id = self.paid("Authorize")
        client = self.client
        permission = self.answered(client.get_charge_permission(permission_id), 200)
        charge = self.answered(client.get_charge(charge_id), 200)
        too_long = "x" * 256
        update = (client.update_charge_permission, permission_id)
        close = (client.close_charge_permission, permission_id)
        cancel = (client.cancel_charge, charge_id)
        cases = [
            (update, {"merchantMetadata": {"noteToBuyer": too_long}}, "InvalidParameterValue", "noteToBuyer"),
            (update, {"merchant_metadata": {}}, "UnrecognizedField", "merchant_metadata"),
            (close, {"closureReason": too_long}, "InvalidParameterValue", "closureReason"),
            (close, {"cancelPendingCharges": 3}, "InvalidParameterValue", "cancelPendingCharges"),
            (cancel, {"cancellationReason": too_long}, "InvalidParameterValue", "cancellationReason"),
            (cancel, {"reason": "sold out"}, "UnrecognizedField", "[reason]"),
        ]
        for (call, named), body, reason_code, field in cases:
            with self.subTest(call.__name__, body=body):
                self.refused(call(named, body), 400, reason_code, field)
        self.assertEqual(self.answered(client.get_charge_permission(permission_id), 200), permission)
        self.assertEqual(self.answered(client.get_charge(charge_id), 200), charge)

    def test_nothing_of_another_merchants_order_is_found_and_nothing_changes(self):
        permission_id, charge_id = self.paid("Authorize", totalOrderAmount=usd("20.00"))
        _, captured_id = captured_ids = self.paid("AuthorizeWithCapture")
        refund = self.is_in("RefundInitiated", self.refunded(captured_ids, usd("1.00")), 201)
        client = self.unprefixed.client(self.sandbox)
        order = {"chargePermissionId": permission_id, "chargeAmount": usd("1.00")}
        calls = [
            lambda: client.get_charge(charge_id),
            lambda: client.create_charge(order),
            lambda: client.capture_charge(charge_id, {"captureAmount": usd("1.00")}),
            lambda: client.cancel_charge(charge_id),
            lambda: client.get_charge_permission(permission_id),
            lambda: client.update_charge_permission(permission_id, {"merchantMetadata": {}}),
            lambda: client.close_charge_permission(permission_id),
            lambda: client.create_refund({"chargeId": captured_id, "refundAmount": usd("1.00")}),
            lambda: client.get_refund(refund["refundId"]),
        ]

        def order_as_it_is():
            yield self.answered(self.client.get_charge_permission(permission_id), 200)
            yield self.answered(self.client.get_charge(charge_id), 200)
            yield self.answered(self.client.get_charge(captured_id), 200)
            yield self.answered(self.client.get_refund(refund["refundId"]), 200)

        before = list(order_as_it_is())
        for at, call in enumerate(calls):
            with self.subTest(at):
                self.refused(call(), 404, "ResourceNotFound")
        self.assertEqual(list(order_as_it_is()), before)


if __name__ == "__main__":
    unittest.main()
