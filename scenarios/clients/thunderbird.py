#!/usr/bin/env python3
"""Thunderbird sets itself up by autoconfig, shows a delegate's shared mailbox and answers as it.

    scenarios/clients/thunderbird.py POSTERN [FOLDER]

POSTERN is the binary; screenshots go to FOLDER, or to the folder at hand. Needs thunderbird, Xvfb,
openssl, unshare and ImageMagick's import and convert. It runs in a network of its own, where the house has the names and
ports that it would have on the Internet; nothing of the machine is changed. By hand, not in CI: it leans on the
windows of one version of Thunderbird (tried with 153).
"""

import imaplib
import json
import os
import shutil
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from marionette import Marionette  # noqa: E402

ALICE, SUPPORT, PASSWORD = "alice@example.org", "support@example.org", "quiet garden by the river"
NAMES = ["mail.example.org", "autoconfig.example.org", "example.org"]
DISPLAY = ":77"
LETTER = """From: Customer <customer@example.net>
To: support@example.org
Subject: The coffee machine does not start
Message-ID: <1@example.net>

Since this morning it only blinks. What can I do?
"""
PREFERENCES = {
    "app.update.auto": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "datareporting.healthreport.uploadEnabled": False,
    "mail.shell.checkDefaultClient": False,
    "mail.spotlight.firstRunDone": True,
    "mail.rights.version": 1,
    "mailnews.start_page.enabled": False,
    "mailnews.start_page_override.mstone": "ignore",
    "app.donation.eoy.version.viewed": 999,
    "mail.provider.enabled": False,
    "network.proxy.type": 0,
    # There is but a loopback, which counts as no network.
    "network.manage-offline-status": False,
    "signon.rememberSignons": True,
    "browser.dom.window.dump.enabled": False,
}


def run(*arguments, **options):
    return subprocess.run([str(part) for part in arguments], check=True, text=True, capture_output=True, **options)


class House:
    """A house as `init` makes it, with a delegate, a shared mailbox and a letter."""

    def __init__(self, postern, folder):
        self.postern, self.folder = postern, folder / "house"
        self.config = self.folder / "postern.toml"
        run(postern, "init", "--data", self.folder, "--domain", "example.org", "--hostname", "mail.example.org",
            "--admin", "admin@example.org", "--password-stdin", input=PASSWORD)
        self.authority = self.folder / "tls/ca.pem"
        certify(self.folder / "tls", folder)
        text = self.config.read_text()
        self.config.write_text(text.replace("[listen]\n", '[listen]\nhttps = ["0.0.0.0:443"]\n', 1))
        ready = folder / "ready.json"
        self.log = open(folder / "server.log", "w")
        self.server = subprocess.Popen([postern, "serve", "--config", self.config, "--ready-file", ready],
                                       stdout=self.log, stderr=self.log)
        wait("the server", lambda: ready.exists() or self.server.poll() is not None)
        self.ask("person", "add", ALICE, "--name", "Alice", "--password-stdin", input=PASSWORD)
        # The customer has mail here too, so that the answer reaches somebody.
        self.ask("domain", "add", "example.net")
        self.ask("person", "add", "customer@example.net", "--password-stdin", input=PASSWORD)
        self.ask("shared", "add", SUPPORT, "--name", "Example Support", "--member", ALICE)
        with smtplib.SMTP("127.0.0.1", 25, timeout=30) as smtp:
            smtp.sendmail("customer@example.net", [SUPPORT], LETTER)

    def ask(self, *arguments, **options):
        return run(self.postern, "--config", self.config, *arguments, **options).stdout

    def sent(self):
        """Headers of what is in Sent of the shared mailbox."""
        client = imaplib.IMAP4_SSL("mail.example.org", ssl_context=ssl.create_default_context(cafile=self.authority))
        client.login(f"{ALICE}/{SUPPORT}", PASSWORD)
        client.select("Sent", readonly=True)
        found = client.search(None, "ALL")[1][0].split()
        texts = [client.fetch(number, "(BODY.PEEK[HEADER])")[1][0][1].decode() for number in found]
        client.logout()
        return texts

    def stop(self):
        self.server.terminate()
        self.server.wait(30)


def certify(tls, folder):
    """A certificate for every name that mail programs ask, by the authority that `init` has made."""
    request, names = folder / "leaf.csr", folder / "names"
    names.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in NAMES) + "\n")
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mail",
        "-keyout", tls / "key.pem", "-out", request)
    run("openssl", "x509", "-req", "-in", request, "-CA", tls / "ca.pem", "-CAkey", tls / "ca.key", "-days", "30",
        "-set_serial", "7", "-extfile", names, "-out", tls / "cert.pem")


def wait(what, look, patience=60):
    end = time.monotonic() + patience
    while not look():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come")
        time.sleep(0.2)


class Thunderbird:
    """Thunderbird on a screen of its own, with a new profile that trusts the house's authority and knows nothing else."""

    def __init__(self, folder, authority):
        self.screen = subprocess.Popen(["Xvfb", DISPLAY, "-screen", "0", "1280x800x24"], stderr=subprocess.DEVNULL)
        wait("a screen", lambda: Path(f"/tmp/.X11-unix/X{DISPLAY[1:]}").exists())
        profile = folder / "profile"
        profile.mkdir()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("".join(lines))
        environment = dict(os.environ, DISPLAY=DISPLAY, HOME=str(folder))
        self.log = open(folder / "thunderbird.log", "w")
        program = next(path for path in (Path("/usr/lib/thunderbird/thunderbird"), Path("/usr/bin/thunderbird")) if path.exists())
        self.program = subprocess.Popen(
            [program, "--marionette", "--remote-allow-system-access", "--no-remote", "--profile", profile],
            env=environment, stdout=self.log, stderr=self.log)
        self.window = Marionette()
        self.main = self.window.windows()[0]
        self.window.run("window.moveTo(0, 0); window.resizeTo(1280, 800);")
        letters = "".join(line for line in authority.read_text().splitlines() if "-----" not in line)
        self.window.run("""Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB)
            .addCertFromBase64(arguments[0], "CT,,");""", letters)

    def shoot(self, folder, name):
        """What is on the screen, once it is painted."""
        path = folder / f"{name}.png"
        self.window.paint()
        run("import", "-display", DISPLAY, "-window", "root", path)
        run("convert", path, "-strip", "+dither", "-colors", "64", "-define", "png:compression-level=9", path)
        return path

    def stop(self):
        for process in (self.program, self.screen):
            process.terminate()
            process.wait(30)


HUB = """
    const hub = document.querySelector("account-hub-container")?.shadowRoot?.querySelector("account-hub-email");
    const all = root => root ? [root, ...all(root.shadowRoot), ...[...root.children].flatMap(all)] : [];
    const words = node => [...node.childNodes].map(each =>
        each.nodeType == Node.TEXT_NODE ? each.data : words(each.shadowRoot ?? each) + (each.shadowRoot ? words(each) : ""))
        .join(" ");
    const inHub = id => all(hub).find(each => each.id == id);
    const shown = id => { const step = inHub(id); return step && !step.hidden ? step : null; };
    const type = (field, text) => {
        field.focus();
        field.value = text;
        for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    };
    const forward = () => { const button = inHub("forward"); return button && !button.disabled && !button.hidden ? button : null; };
"""


def set_up(thunderbird, folder):
    """The wizard as a person uses it: name and address, what was found, the password."""
    window = thunderbird.window
    window.wait("the wizard", HUB + """
        if (!shown("emailAutoConfigSubview") || !inHub("realName")) return false;
        type(inHub("realName"), "Alice");
        type(inHub("email"), arguments[0]);
        return Boolean(forward());""", ALICE)
    window.run(HUB + "forward().click();")
    found = window.wait("what autoconfig says", HUB + """
        const step = shown("emailConfigFoundSubview");
        const text = step ? words(step) : "";
        return forward() && text.includes("mail.example.org") ? text.replace(/\\s+/g, " ") : false;""")
    assert ALICE in found, f"not by autoconfig, which names the whole address to sign in with: {found}"
    thunderbird.shoot(folder, "thunderbird-autoconfig")
    window.run(HUB + "forward().click();")
    window.wait("the question for the password", HUB + """
        const step = shown("emailPasswordSubview");
        const field = all(step).find(each => each.type == "password");
        if (!field) return false;
        type(field, arguments[0]);
        return Boolean(forward());""", PASSWORD)
    window.run(HUB + "forward().click();")
    window.wait("the account", """
        return MailServices.accounts.accounts.some(one => one.incomingServer.type == "imap");""")
    made = window.run("""
        const server = MailServices.accounts.accounts.find(one => one.incomingServer.type == "imap").incomingServer;
        const smtp = MailServices.outgoingServer.defaultServer;
        return [server.hostName ?? server.hostname, server.port, server.socketType, server.username,
                smtp.serverURI.host, smtp.serverURI.port, smtp.socketType, smtp.username];""")
    # 3 is TLS from the first byte.
    assert made == ["mail.example.org", 993, 3, ALICE, "mail.example.org", 465, 3, ALICE], made
    window.wait("the end of the wizard", HUB + """
        if (!shown("emailAddedSuccessSubview")) { forward()?.click(); return false; }
        return true;""")
    window.run("""document.querySelector("account-hub-container").remove();""")


FOLDER = """
    const server = MailServices.accounts.accounts.find(one => one.incomingServer.type == "imap").incomingServer;
    const inbox = server.rootFolder.descendants.find(one =>
        decodeURIComponent(one.URI).endsWith("/Shared/support@example.org/INBOX"));
"""


def read(thunderbird, folder):
    """The shared mailbox is there without being asked for; its letter is opened."""
    window = thunderbird.window
    window.wait("the shared mailbox", FOLDER + """
        if (!inbox) { server.performExpand(null); return false; }
        return true;""")
    window.run(FOLDER + """
        for (let each = inbox.parent; each && !each.isServer; each = each.parent) {
            document.getElementById("tabmail").currentAbout3Pane.folderTree?.expandRow?.(
                document.getElementById("tabmail").currentAbout3Pane.folderPane.getRowForFolder?.(each));
        }
        document.getElementById("tabmail").currentAbout3Pane.displayFolder(inbox.URI);""")
    window.wait("the letter", FOLDER + """
        const pane = document.getElementById("tabmail").currentAbout3Pane;
        if (pane.gFolder?.URI != inbox.URI || !pane.gDBView?.rowCount) return false;
        pane.threadTree.selectedIndex = 0;
        return pane.gDBView.selection?.count == 1;""")
    window.wait("its text", """
        const browser = document.getElementById("tabmail").currentAboutMessage?.getMessagePaneBrowser();
        return browser?.contentDocument?.body?.textContent.includes("it only blinks");""")
    thunderbird.shoot(folder, "thunderbird-shared")


def answer(thunderbird, folder, house):
    """Alice has support@ as an identity, as one adds it under Account Settings; an answer comes from there."""
    window = thunderbird.window
    window.run("""
        const account = MailServices.accounts.accounts.find(one => one.incomingServer.type == "imap");
        const identity = MailServices.accounts.createIdentity();
        identity.fullName = "Example Support";
        identity.email = arguments[0];
        identity.smtpServerKey = account.defaultIdentity.smtpServerKey;
        identity.composeHtml = false;
        // The server files the copy in the shared mailbox itself.
        identity.doFcc = false;
        account.addIdentity(identity);
        document.getElementById("tabmail").currentAboutMessage.document.getElementById("hdrReplyButton").click();""", SUPPORT)
    wait("a window to write in", lambda: len(window.windows()) > 1)
    writing = next(handle for handle in window.windows() if handle != thunderbird.main)
    window.switch(writing)
    sender = window.wait("an answer", """
        const editor = document.getElementById("messageEditor");
        if (!window.gComposeType || !editor?.contentDocument?.body || window.gMsgCompose?.identity == null) return false;
        if (!document.getElementById("msgSubject").value.startsWith("Re:")) return false;
        return document.getElementById("msgIdentity").value || document.getElementById("msgIdentity").label;""")
    assert SUPPORT in sender, sender
    window.run("""
        const body = document.getElementById("messageEditor").contentDocument.body;
        body.prepend("Hold the button for ten seconds, then it starts again.", body.ownerDocument.createElement("br"));
        window.moveTo(0, 0);
        window.resizeTo(1280, 800);""")
    thunderbird.shoot(folder, "thunderbird-answer")
    window.run("""goDoCommand("cmd_sendNow");""")
    wait("the answer in Sent", lambda: house.sent())
    headers = house.sent()[0]
    assert f"Example Support <{SUPPORT}>" in headers and "In-Reply-To: <1@example.net>" in headers, headers
    window.switch(thunderbird.main)
    return headers


def inside(postern, folder):
    with tempfile.TemporaryDirectory(prefix="postern-thunderbird-") as scratch:
        scratch = Path(scratch)
        house = House(postern, scratch)
        thunderbird = Thunderbird(scratch, house.authority)
        try:
            set_up(thunderbird, folder)
            read(thunderbird, folder)
            print(answer(thunderbird, folder, house))
            print(house.ask("audit", "list", "--account", SUPPORT))
        except Exception:
            thunderbird.shoot(folder, "thunderbird-failed")
            raise
        finally:
            thunderbird.stop()
            house.stop()


def main():
    postern, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2] if len(sys.argv) > 2 else ".").resolve()
    if os.environ.get("POSTERN_INSIDE") != "1":
        missing = [name for name in ("thunderbird", "Xvfb", "openssl", "unshare", "import", "convert", "ip") if not shutil.which(name)]
        if missing:
            sys.exit(f"missing: {', '.join(missing)}\nNext step: apt install thunderbird xvfb openssl util-linux imagemagick iproute2")
        with tempfile.NamedTemporaryFile("w", suffix=".hosts") as hosts:
            hosts.write("127.0.0.1 localhost " + " ".join(NAMES) + "\n")
            hosts.flush()
            script = f'ip link set lo up && mount --bind {hosts.name} /etc/hosts && exec "$@"'
            command = ["unshare", "--net", "--mount", "--map-root-user", "sh", "-c", script, "sh", sys.executable, __file__]
            sys.exit(subprocess.call(command + [postern, folder], env=dict(os.environ, POSTERN_INSIDE="1")))
    inside(postern, folder)


if __name__ == "__main__":
    main()
