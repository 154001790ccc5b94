"""The sandbox's binary as a process, driven by its control API, and merchants whose keys it knows."""

import atexit
import json
import os
import queue
import signal
import subprocess
import threading
import urllib.error
import urllib.request

from AmazonPay import Client
from Crypto.PublicKey import RSA

ANNOUNCEMENT = "listening on "
# After this long, a sandbox that has not started or ended is given up.
PATIENCE_SECONDS = 20

# The sandbox is on this machine: no proxy leads to it.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"


class Merchant:
    """A key pair, and the client that signs with it."""

    def __init__(self, folder, public_key_id):
        self.public_key_id = public_key_id
        self.private_key = os.path.join(folder, f"{public_key_id}.private.pem")
        self.public_key = os.path.join(folder, f"{public_key_id}.public.pem")
        key = RSA.generate(2048)
        for path, half in ((self.private_key, key), (self.public_key, key.public_key())):
            with open(path, "wb") as file:
                file.write(half.export_key())

    @property
    def flags(self):
        """The sandbox's flags that make this merchant known to it."""
        return ["--public-key-id", self.public_key_id, "--public-key", self.public_key]

    def client(self, sandbox, region="na", environment="sandbox"):
        """The client as PyPI installs it, which calls `sandbox`."""
        client = Client(self.public_key_id, self.private_key, region, sandbox=environment == "sandbox")
        client.endpoint = sandbox.url
        return client


class Sandbox:
    """A sandbox in memory, started on a free port and ended by `stop`."""

    def __init__(self, merchants):
        binary = os.environ["COUNTERSIGN_BINARY"]
        words = [binary, "sandbox", "--listen", "127.0.0.1:0", "--in-memory"]
        for merchant in merchants:
            words += merchant.flags
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        # In case the suite is interrupted before its cleanups have run.
        atexit.register(self.process.kill)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        self._said = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.url = self._announced()
        except BaseException:
            self._end()
            raise

    def _announced(self):
        line = self._said.get(timeout=PATIENCE_SECONDS)
        if not line.startswith(ANNOUNCEMENT):
            raise RuntimeError(f"the sandbox printed {line!r}")
        return line[len(ANNOUNCEMENT):].strip()

    def _read(self):
        """Reads all lines, so that the process never blocks on a full pipe."""
        with self.process.stdout as lines:
            for line in lines:
                self._said.put(line)
        self._said.put("")

    def _end(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def stop(self):
        """Asks the sandbox to end, and raises if its exit code is not 0."""
        self.process.terminate()
        try:
            code = self.process.wait(PATIENCE_SECONDS)
        finally:
            self._end()
        if code != 0:
            raise RuntimeError(f"the sandbox ended with {code}")

    def control(self, path, body):
        """A call of the control API; raises unless it succeeds."""
        request = urllib.request.Request(
            f"{self.url}/_sandbox{path}",
            data=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{path}: {error.code} {error.read().decode()}") from error

    def placed(self, payment_details=None, **more):
        """A buyer has started a Buy Now checkout and placed the order."""
        price = {"amount": "14.00", "currencyCode": "USD"}
        details = {"paymentIntent": "Authorize", "chargeAmount": price, **(payment_details or {})}
        checkout = {"productType": "PayAndShip", "paymentDetails": details, "placed": True, **more}
        return self.control("/checkout-sessions", checkout)

    def place_order(self, checkout_session_id):
        return self.control(f"/checkout-sessions/{checkout_session_id}/buyer", {"action": "placeOrder"})

    def advance(self, duration):
        """Moves the clock; everything that becomes due has happened on return."""
        return self.control("/clock", {"advance": duration})
