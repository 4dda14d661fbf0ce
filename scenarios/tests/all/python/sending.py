"""Python's own smtplib at work, over TLS from the first byte and by STARTTLS.

Arguments: the ports of submissions and submission, the file of the house's certificate
authority, who signs in, their secret, and what every subject begins with. Prints "all of it"
at the end; any surprise is an exception.
"""

import email.message
import email.policy
import email.utils
import smtplib
import ssl
import sys

implicit, late, authority, username, secret, subject = sys.argv[1:]
CUSTOMER = "customer@example.net"
BOB = "bob@example.org"
NOBODY = "nobody@example.org"
FOREIGN = "jürgen@example.net"


def trusting():
    return ssl.create_default_context(cafile=authority)


def implicit_tls():
    client = smtplib.SMTP_SSL("localhost", int(implicit), context=trusting(), timeout=60)
    client.login(username, secret)
    return client


def late_tls():
    client = smtplib.SMTP("localhost", int(late), timeout=60)
    client.ehlo()
    assert client.has_extn("starttls"), client.esmtp_features
    client.starttls(context=trusting())
    client.ehlo()
    assert not client.has_extn("starttls") and client.has_extn("auth"), client.esmtp_features
    client.login(username, secret)
    return client


def letter(words, to, policy=email.policy.SMTP):
    message = email.message.EmailMessage(policy=policy)
    message["From"] = username
    message["To"] = to
    message["Subject"] = f"{subject} {words}"
    message["Date"] = email.utils.formatdate()
    message["Message-ID"] = email.utils.make_msgid(domain="client.example.org")
    message.set_content("Grüße,\n.\n..two dots\nFrom here on\n", cte="8bit")
    return message


def refused(error, code, *texts):
    assert error[0] == code, error
    for text in texts:
        assert text in error[1].decode(), error


def main():
    try:
        smtplib.SMTP_SSL("localhost", int(implicit), context=trusting()).login(username, "wrong")
        raise AssertionError("a wrong secret was taken")
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535, error

    with implicit_tls() as client:
        # Of several recipients one is refused, and the others get it.
        raw = letter("to several", CUSTOMER).as_bytes()
        failed = client.sendmail(username, [CUSTOMER, NOBODY, BOB], raw, mail_options=["BODY=8BITMIME"])
        assert list(failed) == [NOBODY], failed
        refused(failed[NOBODY], 550, f"5.1.1 There is no mailbox {NOBODY} here")

        # Who is written there is asked of the envelope and of the header.
        texts = ("5.7.1 You may not send as bob@example.org", "you may send as", username)
        try:
            client.sendmail(BOB, [CUSTOMER], raw)
            raise AssertionError("another's reverse path was taken")
        except smtplib.SMTPSenderRefused as error:
            refused((error.smtp_code, error.smtp_error), 550, *texts)
        forged = letter("forged", CUSTOMER)
        forged.replace_header("From", BOB)
        try:
            client.sendmail(username, [CUSTOMER], forged.as_bytes())
            raise AssertionError("another's From was taken")
        except smtplib.SMTPDataError as error:
            refused((error.smtp_code, error.smtp_error), 550, *texts)

    with late_tls() as client:
        # An address in UTF-8 (RFC 6531), in envelope and header.
        utf8 = letter("für alle", FOREIGN, email.policy.SMTPUTF8)
        assert client.send_message(utf8, to_addrs=[FOREIGN, BOB]) == {}
    print("all of it")


main()
