"""Python's own imaplib at work: Alice, a delegate, and Bob, a reader, over TLS.

Arguments: PORT, the file of the house's certificate authority, the password of both.
Prints "all of it" at the end; any surprise is an exception.
"""

import imaplib
import ssl
import sys

port, authority, password = sys.argv[1:]
SHARED = '"Shared/support@example.org/INBOX"'


def sign_in(name):
    context = ssl.create_default_context(cafile=authority)
    client = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=context, timeout=60)
    assert "IMAP4REV1" in client.capabilities, client.capabilities
    assert client.login(name, password)[0] == "OK"
    return client


def main():
    try:
        wrong = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=ssl.create_default_context(cafile=authority))
        wrong.login("alice@example.org", "wrong")
        raise AssertionError("a wrong password was taken")
    except imaplib.IMAP4.error as error:
        assert "AUTHENTICATIONFAILED" in str(error), error

    alice = sign_in("alice@example.org")
    status, listed = alice.list()
    assert status == "OK" and any(b"Shared/support@example.org/INBOX" in line for line in listed), listed
    status, count = alice.select(SHARED)
    assert (status, count) == ("OK", [b"1"]), (status, count)
    assert alice.search(None, "SUBJECT", '"not start"') == ("OK", [b"1"])
    status, fetched = alice.fetch("1", "(UID FLAGS BODY.PEEK[])")
    assert status == "OK" and b"Since this morning." in fetched[0][1], fetched
    assert alice.store("1", "+FLAGS", "(\\Flagged)")[0] == "OK"
    letter = b"From: alice@example.org\r\nSubject: kept\r\n\r\nfor later\r\n"
    assert alice.append("Archive", "(\\Seen)", imaplib.Time2Internaldate(1_700_000_000), letter)[0] == "OK"
    assert alice.select("Archive") == ("OK", [b"1"])
    status, fetched = alice.uid("FETCH", "1", "(INTERNALDATE RFC822)")
    assert fetched[0][1] == letter and b"-Nov-2023" in fetched[0][0] + fetched[1], fetched
    assert alice.close()[0] == "OK"
    assert alice.logout()[0] == "BYE"

    bob = sign_in("bob@example.org")
    assert bob.select(SHARED, readonly=True) == ("OK", [b"1"])
    assert bob.fetch("1", "(BODY[TEXT])")[1][0][1].startswith(b"Since this morning.")
    status, text = bob.store("1", "+FLAGS", "(\\Seen)")
    assert status == "NO", text
    assert bob.select('"Shared/support@example.org/Nothing"')[0] == "NO"
    assert bob.logout()[0] == "BYE"
    print("all of it")


main()
