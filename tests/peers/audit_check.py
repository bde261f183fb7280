"""Checks a file that `countersign audit export` wrote, by docs/evidence.md alone and without countersign.

    audit_check.py FILE [--key-file CONNECT_KEYS] [--public-key HEX]...

Prints what was checked; every fault is one line. Exit code 0: nothing is wrong; 1: something is.
"""

import argparse
import base64
import hashlib
import hmac
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def text(value):
    data = value.encode()
    return struct.pack(">I", len(data)) + data


class Record:
    """A record's fields, read in their order."""

    def __init__(self, data):
        self.data, self.at = data, 0
        version, kind, self.number = self.u8(), self.u8(), self.u64()
        if version != 1:
            raise ValueError(f"version {version}")
        self.kind = {1: "delivery", 2: "resolution", 3: "pruned", 4: "checkpoint"}[kind]
        getattr(self, self.kind)()
        if self.at != len(data):
            raise ValueError("bytes follow its end")

    def take(self, count):
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise ValueError("it ends too early")
        self.at += count
        return piece

    def u8(self):
        return self.take(1)[0]

    def u64(self):
        return struct.unpack(">Q", self.take(8))[0]

    def string(self):
        return self.take(struct.unpack(">I", self.take(4))[0]).decode()

    def says(self):
        return [self.string() for _ in range(5)]

    def delivery(self):
        self.received_at, self.id, self.source = self.take(8), self.take(16), self.string()
        self.header, self.key_print = self.u8(), self.take(8)
        self.headers_sha256, self.body_sha256, self.body_bytes = self.take(32), self.take(32), self.u64()
        self.what, self.outcome, self.reason, self.changes = self.says(), self.string(), self.string(), self.u64()

    def resolution(self):
        self.ended_at, self.id, self.how = self.take(8), self.take(16), self.string()
        self.what, self.changes = self.says(), self.u64()

    def pruned(self):
        self.before, self.subject = self.take(8), self.u8()
        count = struct.unpack(">I", self.take(4))[0]
        self.runs = [(self.u64(), self.u64()) for _ in range(count)]

    def checkpoint(self):
        self.link, self.signed_at, self.key, self.signature = self.take(32), self.take(8), self.take(32), self.take(64)

    def is_authentic(self):
        covers = struct.pack(">Q", self.number - 1)
        signed = b"countersign evidence checkpoint v1\0" + covers + self.link + self.signed_at + self.key
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(self.signature, signed)
            return True
        except InvalidSignature:
            return False


class Check:
    def __init__(self, connect_keys, pinned):
        self.connect_keys, self.pinned = connect_keys, pinned
        self.faults, self.open = [], {}
        self.counts = {"records": 0, "deliveries": 0, "bodies": 0, "hmacs": 0, "pruned": 0}
        self.keys = set()

    def fault(self, number, what):
        self.faults.append(f"record {number}: {what}")

    def segment(self, segment):
        link, unsigned = bytes.fromhex(segment["before"]), segment["first"]
        for number, entry in enumerate(segment["entries"], segment["first"]):
            self.counts["records"] += 1
            if "record" in entry:
                data = base64.b64decode(entry["record"], validate=True)
                digest = sha256(b"countersign evidence record v1\0", data)
                record = Record(data)
                if record.number != number:
                    self.fault(number, f"record {record.number} stands in its place")
                if record.kind == "checkpoint" and self.checkpoint(record, link, unsigned):
                    unsigned = number + 1
                elif record.kind == "delivery":
                    self.delivery(record, entry)
                elif record.kind == "pruned" and record.subject == 1:
                    self.explain(record)
            else:
                digest = bytes.fromhex(entry["digest"])
            link = sha256(b"countersign evidence link v1\0", link, digest)
        if unsigned < segment["first"] + len(segment["entries"]):
            self.fault(unsigned, "no checkpoint signs for it and what follows")

    def checkpoint(self, record, link, unsigned):
        key = record.key.hex()
        self.keys.add(key)
        if not record.is_authentic():
            self.fault(record.number, "its signature is wrong")
        elif self.pinned and key not in self.pinned:
            self.fault(record.number, f"it is signed by the unknown key {key}")
        elif record.link != link:
            self.fault(unsigned, f"it, or a record up to {record.number - 1}, is not what was signed for")
        else:
            return True
        return False

    def delivery(self, record, entry):
        number = record.number
        self.counts["deliveries"] += 1
        if "body" not in entry or "headers" not in entry:
            self.open[number] = True
            return
        headers, body = entry["headers"], base64.b64decode(entry["body"], validate=True)
        laid_out = struct.pack(">I", len(headers)) + b"".join(text(name) + text(value) for name, value in headers)
        if sha256(laid_out) != record.headers_sha256:
            self.fault(number, "its headers are not those that were received")
        if sha256(body) != record.body_sha256 or len(body) != record.body_bytes:
            self.fault(number, "its bytes are not those that were received")
            return
        self.counts["bodies"] += 1
        # Number 0 is nobody's: DocuSign told it in answer to a call, and signed nothing.
        if self.connect_keys and record.header != 0:
            self.docusign(record, headers, body)

    def docusign(self, record, headers, body):
        name = f"x-docusign-signature-{record.header}"
        told = [value.strip() for header, value in headers if header == name]
        for key in self.connect_keys:
            right = base64.b64encode(hmac.digest(key, body, "sha256")).decode()
            known = sha256(b"countersign connect key v1\0", key)[:8] == record.key_print
            if known and any(hmac.compare_digest(right, value) for value in told):
                self.counts["hmacs"] += 1
                return
        self.fault(record.number, "DocuSign's signature does not verify by the keys given")

    def explain(self, notice):
        for number in [n for n in self.open if any(first <= n <= last for first, last in notice.runs)]:
            del self.open[number]
            self.counts["pruned"] += 1

    def document(self, document):
        last = 0
        for segment in document["segments"]:
            if segment["first"] <= last:
                self.fault(segment["first"], "it stands behind later ones")
            last = segment["first"] + len(segment["entries"]) - 1
            self.segment(segment)
        for number in self.open:
            self.fault(number, "its bytes are not there, and no notice says that they were pruned")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("file")
    arguments.add_argument("--key-file", help="DocuSign Connect keys, one a line")
    arguments.add_argument("--public-key", action="append", default=[], help="a key whose checkpoints count")
    given = arguments.parse_args()
    keys = []
    if given.key_file:
        with open(given.key_file, "rb") as file:
            keys = [key for key in file.read().replace(b"\r\n", b"\n").split(b"\n") if key]
    with open(given.file, encoding="utf-8") as file:
        document = json.load(file)
    if document["format"] != "countersign-evidence-1":
        sys.exit(f"unknown format {document['format']!r}")
    check = Check(keys, [key.lower() for key in given.public_key])
    try:
        check.document(document)
    except (ValueError, KeyError, UnicodeDecodeError) as why:
        check.faults.append(f"it cannot be read: {why}")
    for fault in check.faults:
        print(fault)
    print(json.dumps({"sound": not check.faults, **check.counts, "keys": sorted(check.keys)}))
    sys.exit(1 if check.faults else 0)


if __name__ == "__main__":
    main()
