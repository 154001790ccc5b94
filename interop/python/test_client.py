"""The Python client from PyPI against the sandbox: it knows the first algorithm only, sends an
idempotency key with every POST, puts blanks into its JSON and escapes what is not ASCII."""

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
    """The client has no method for Finalize; its raw call signs as the others do."""
    path = f"/checkoutSessions/{session['checkoutSessionId']}/finalize{end}"
    return client.request("POST", path, finalization(session) if request is None else request)


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # The client asks for the time in a way that later Pythons discourage.
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

    def test_a_declined_payment_is_told(self):
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

    def test_a_body_that_is_no_json_is_refused(self):
        client = self.prefixed.client(self.sandbox)
        for body in ("", "paymentIntent=Authorize", '{"paymentIntent":"Auth', "[]"):
            with self.subTest(body):
                session = self.sandbox.placed()
                self.stays_finalizable(
                    session,
                    lambda: self.refused(finalize(client, session, body), 400, "InvalidRequestFormat"),
                )


if __name__ == "__main__":
    unittest.main()
