"""Reads ENVELOPE and BODYSTRUCTURE of every message of a mailbox with imapclient.

Prints one JSON list, in the order of UIDs, in the form that corpus.rs makes of imap-codec's
reading: bytes as the characters of their numbers, dates and encoded words as they were sent.
Arguments: PORT USERNAME PASSWORD MAILBOX, on 127.0.0.1 without TLS.
"""

import json
import sys

import imapclient
from imapclient import response_parser

# Dates are compared as they were sent: what a date library makes of them is its own affair.
response_parser.parse_to_datetime = lambda value, normalise: value


def text(value):
    if value is None:
        return None
    if isinstance(value, int):
        value = str(value).encode()
    return value.decode("latin-1")


def lower(value):
    return text(value.lower())


def addresses(value):
    def one(address):
        fields = (address.name, address.route, address.mailbox, address.host) if hasattr(address, "route") else address
        return [text(field) for field in fields]

    return [one(address) for address in value or ()]


def envelope(value):
    if hasattr(value, "subject"):
        value = (
            value.date, value.subject, value.from_, value.sender, value.reply_to,
            value.to, value.cc, value.bcc, value.in_reply_to, value.message_id,
        )
    return {
        "date": text(value[0] or None),
        "subject": text(value[1]),
        "from": addresses(value[2]),
        "sender": addresses(value[3]),
        "reply_to": addresses(value[4]),
        "to": addresses(value[5]),
        "cc": addresses(value[6]),
        "bcc": addresses(value[7]),
        "in_reply_to": text(value[8]),
        "message_id": text(value[9]),
    }


def parameters(value):
    value = value or ()
    return [[text(value[place]), text(value[place + 1])] for place in range(0, len(value), 2)]


def disposition(extensions, place):
    if len(extensions) <= place or extensions[place] is None:
        return None
    kind, values = extensions[place]
    return [text(kind), parameters(values)]


def parts_of(value):
    """The parts of a multipart and what follows them; imapclient gathers them in a list at
    the outside and leaves them as they come within message/rfc822."""
    if isinstance(value[0], list):
        return value[0], value[1:]
    count = 0
    while isinstance(value[count], tuple):
        count += 1
    return value[:count], value[count:]


def structure(value):
    if isinstance(value[0], (list, tuple)):
        parts, rest = parts_of(value)
        extensions = rest[1:]
        return {
            "parts": [structure(part) for part in parts],
            "subtype": lower(rest[0]),
            "parameters": parameters(extensions[0] if extensions else None),
            "disposition": disposition(extensions, 1),
        }
    kind, subtype = lower(value[0]), lower(value[1])
    shown = {
        "type": kind,
        "subtype": subtype,
        "parameters": parameters(value[2]),
        "id": text(value[3]),
        "description": text(value[4]),
        "encoding": lower(value[5]),
        "size": value[6],
    }
    extensions = value[7:]
    if kind == "text":
        shown["lines"] = value[7]
        extensions = value[8:]
    elif (kind, subtype) == ("message", "rfc822"):
        shown["envelope"] = envelope(value[7])
        shown["body"] = structure(value[8])
        shown["lines"] = value[9]
        extensions = value[10:]
    shown["disposition"] = disposition(extensions, 1)
    return shown


def main():
    port, username, password, mailbox = sys.argv[1:]
    sys.setrecursionlimit(10_000)
    client = imapclient.IMAPClient("127.0.0.1", int(port), ssl=False, timeout=60)
    client.login(username, password)
    client.select_folder(mailbox, readonly=True)
    messages = []
    for uid in client.search("ALL"):
        fetched = client.fetch([uid], ["ENVELOPE", "BODYSTRUCTURE"])[uid]
        messages.append({
            "envelope": envelope(fetched[b"ENVELOPE"]),
            "structure": structure(fetched[b"BODYSTRUCTURE"]),
        })
    client.logout()
    json.dump(messages, sys.stdout)


main()
