"""Tools that sign in to support@example.org itself, each with a credential of its purpose.

Arguments: PORT, the file of the house's certificate authority, the purpose, the secret.
Prints "all of it" at the end; any surprise is an exception.
"""

import imaplib
import ssl
import sys

port, authority, purpose, secret = sys.argv[1:]


def sign_in():
    context = ssl.create_default_context(cafile=authority)
    client = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=context, timeout=60)
    assert client.login("support@example.org", secret)[0] == "OK"
    return client


def refused(answer):
    status, text = answer
    assert status == "NO", (status, text)


def archive(client):
    """Reads what there is and moves it to Archive; adds nothing elsewhere and marks nothing read."""
    assert client.select("INBOX") == ("OK", [b"2"])
    status, found = client.uid("SEARCH", "ALL")
    assert (status, found) == ("OK", [b"1 2"]), found
    status, fetched = client.uid("FETCH", "1:2", "(BODY[])")
    assert status == "OK" and fetched[0][1].endswith(b"Since this morning.\r\n"), fetched
    refused(client.uid("STORE", "1", "+FLAGS", "(\\Seen)"))
    refused(client.uid("MOVE", "1", "Trash"))
    refused(client.append("INBOX", None, None, b"Subject: new\r\n\r\nnew\r\n"))
    refused(client.create("Elsewhere"))
    assert client.uid("MOVE", "1:2", "Archive")[0] == "OK"
    assert client.select("INBOX") == ("OK", [b"0"])
    assert client.select("Archive", readonly=True) == ("OK", [b"2"])


def migration(client):
    """Makes mailboxes and brings mail with its dates and flags; deletes no mailbox, opens no access."""
    assert client.create("Old/2019")[0] == "OK"
    for number in range(3):
        letter = b"Subject: old %d\r\n\r\nold\r\n" % number
        date = imaplib.Time2Internaldate(1_560_000_000 + number)
        assert client.append("Old/2019", "(\\Seen \\Flagged)", date, letter)[0] == "OK"
    assert client.select("Old/2019") == ("OK", [b"3"])
    status, fetched = client.fetch("1:3", "(FLAGS INTERNALDATE)")
    assert status == "OK" and all(b"\\Seen" in line and b"Jun-2019" in line for line in fetched), fetched
    refused(client.delete("Old/2019"))
    refused(client.setacl("INBOX", "alice@example.org", "lr"))


def ticketing(client):
    """Works on mail, and makes no mailbox."""
    assert client.select("INBOX")[0] == "OK"
    assert client.store("1", "+FLAGS", "(\\Answered case-17)")[0] == "OK"
    assert client.append("INBOX", None, None, b"Subject: note\r\n\r\nnote\r\n")[0] == "OK"
    assert client.store("3", "+FLAGS", "(\\Deleted)")[0] == "OK"
    assert client.expunge() == ("OK", [b"3"])
    refused(client.create("Elsewhere"))


client = sign_in()
{"archive": archive, "migration": migration, "ticketing": ticketing}[purpose](client)
refused(client.select('"Shared/support@example.org/INBOX"'))
assert client.logout()[0] == "BYE"
print("all of it")
