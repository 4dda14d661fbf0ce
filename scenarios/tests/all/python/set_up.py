"""A mail program that knows nothing but an address and a password sets itself up, in three ways.

Arguments: PORT of https, the file of the house's certificate authority, the password of dora@example.org.
Prints "all of it" at the end; any surprise is an exception.
"""

import base64
import imaplib
import plistlib
import re
import smtplib
import ssl
import sys
import urllib.request
import xml.etree.ElementTree as tree

port, authority, password = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
DORA, SUPPORT = "dora@example.org", "support@example.org"
BASIC = "Basic " + base64.b64encode(f"{DORA}:{password}".encode()).decode()
SCHEMA = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
ASKING = f"""<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
  <Request><EMailAddress>{DORA}</EMailAddress><AcceptableResponseSchema>{SCHEMA}</AcceptableResponseSchema></Request>
</Autodiscover>"""


def get(path, body=None, headers=None):
    request = urllib.request.Request(f"https://localhost:{port}{path}", data=body, headers=headers or {})
    with urllib.request.urlopen(request, context=context, timeout=60) as answer:
        return answer.read()


def reads(host, port, username):
    client = imaplib.IMAP4_SSL(host, int(port), ssl_context=context, timeout=60)
    assert client.login(username, password)[0] == "OK", username
    assert client.select("INBOX", readonly=True)[0] == "OK"
    names = b" ".join(client.list()[1])
    client.logout()
    return names


def sends(host, port, username, sender):
    client = smtplib.SMTP_SSL(host, int(port), context=context, timeout=60)
    client.login(username, password)
    client.sendmail(sender, [DORA], f"From: {sender}\r\nTo: {DORA}\r\nSubject: set up\r\n\r\nIt works.\r\n")
    client.quit()


def autoconfig():
    root = tree.fromstring(get(f"/mail/config-v1.1.xml?emailaddress={DORA}"))
    provider = root.find("emailProvider")
    assert (root.tag, root.get("version"), provider.get("id")) == ("clientConfig", "1.1", "example.org")
    for server, use in [(provider.find("incomingServer"), reads), (provider.find("outgoingServer"), sends)]:
        assert server.findtext("socketType") == "SSL"
        assert server.findtext("authentication") == "password-cleartext"
        username = server.findtext("username").replace("%EMAILADDRESS%", DORA)
        place = (server.findtext("hostname"), server.findtext("port"), username)
        if use is reads:
            assert b"Shared/support@example.org/INBOX" in reads(*place)
        else:
            sends(*place, DORA)
            sends(*place, SUPPORT)


def autodiscover():
    answer = tree.fromstring(get("/Autodiscover/Autodiscover.xml", ASKING.encode(), {"Authorization": BASIC}))
    account = answer.find(f"{{{SCHEMA}}}Response/{{{SCHEMA}}}Account")
    text = lambda element, name: element.findtext(f"{{{SCHEMA}}}{name}")
    protocols = {text(each, "Type"): each for each in account.iter(f"{{{SCHEMA}}}Protocol")}
    assert sorted(protocols) == ["IMAP", "SMTP"], protocols
    place = lambda kind: [text(protocols[kind], name) for name in ("Server", "Port", "LoginName")]
    assert all(text(each, "Encryption") == "SSL" for each in protocols.values())
    reads(*place("IMAP"))
    sends(*place("SMTP"), DORA)
    mapped = [text(each, "SmtpAddress") for each in account.iter(f"{{{SCHEMA}}}AlternativeMailbox")]
    assert mapped == [SUPPORT], mapped


def profile():
    body = get("/set-up/postern.mobileconfig", headers={"Authorization": BASIC})
    read = plistlib.loads(body)
    assert (read["PayloadType"], read["PayloadVersion"]) == ("Configuration", 1)
    own, shared = read["PayloadContent"]
    assert [own["EmailAddress"], shared["EmailAddress"]] == [DORA, SUPPORT]
    for part in (read, own, shared):
        assert re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", part["PayloadUUID"])
        assert part["PayloadUUID"] in part["PayloadIdentifier"]
    assert len({part["PayloadUUID"] for part in (read, own, shared)}) == 3
    for account in (own, shared):
        assert account["IncomingMailServerUseSSL"] is True and account["OutgoingMailServerUseSSL"] is True
        place = lambda side: [account[f"{side}MailServer{name}"] for name in ("HostName", "PortNumber", "Username")]
        reads(*place("Incoming"))
        sends(*place("Outgoing"), account["EmailAddress"])
    assert not any("Password" in key and key != "OutgoingPasswordSameAsIncomingPassword" for key in shared)
    assert get("/set-up/postern.mobileconfig", headers={"Authorization": BASIC}) == body, "the same each time"


autoconfig()
autodiscover()
profile()
print("all of it")
