//! The letters of the demonstration, in the order in which they came: threads that are answered and
//! some that wait, in several languages and scripts, with what hangs on them.

use super::attachments::Attachment::{Calendar, Csv, Pdf, Png};
use super::letter::{Done, Letter, Place};
use super::people::{ALICE, BILLING, BOB, CAROL, DAVE, ERIN, EVENTS, FRANK, GRACE, HR, SUPPORT, TEAM};
use postern_types::SystemFlag::{self, Answered, Flagged, Seen};

const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

type Someone = (&'static str, &'static str);

const VISITOR: Someone = ("A visitor", "visitor@example.net");
const KUNDIN: Someone = ("Eine Kundin", "kundin@example.net");
const VOISINE: Someone = ("La voisine", "voisine@example.net");
const CLIENTE: Someone = ("Un cliente", "cliente@example.net");
const KYAKU: Someone = ("お客様", "kyaku@example.net");
const ZABUN: Someone = ("زبونة", "zabuna@example.net");
const PRINTER: Someone = ("The printing office", "office@example.net");
const EXHIBITOR: Someone = ("Wystawca", "wystawca@example.net");
const VOLUNTEER: Someone = ("Волонтерка", "volunteer@example.net");
const APPLICANT: Someone = ("Una candidata", "candidata@example.net");

/// One that came, unread.
const fn came(
    account: &'static str,
    from: Someone,
    id: &'static str,
    subject: &'static str,
    minutes_ago: i64,
    text: &'static str,
) -> Letter {
    Letter {
        account,
        place: Place::Came,
        from,
        to: account,
        id,
        answers: &[],
        subject,
        minutes_ago,
        text,
        html: None,
        attachments: &[],
        done: None,
    }
}

/// One that somebody sent from there.
const fn sent(account: &'static str, by: &'static str, from: Someone, to: &'static str, letter: Letter) -> Letter {
    Letter { account, place: Place::Kept(by, "Sent"), from, to, ..letter }
}

const fn done(by: &'static str, flags: &'static [SystemFlag]) -> Option<Done> {
    Some(Done { by, flags, moved_to: None })
}

const fn moved(by: &'static str, flags: &'static [SystemFlag], to: &'static str) -> Option<Done> {
    Some(Done { by, flags, moved_to: Some(to) })
}

const AS_SUPPORT: Someone = ("Support", SUPPORT);
const AS_EVENTS: Someone = ("Events", EVENTS);
const AS_BILLING: Someone = ("Billing", BILLING);

/// Mailboxes beside those that an account begins with: where, by whom, named how.
pub(super) const MAILBOXES: [(&str, &str, &str); 3] =
    [(BILLING, CAROL, "Archive/2025"), (BILLING, CAROL, "Archive/2026"), (HR, DAVE, "Applications")];

pub(super) const LETTERS: [Letter; 35] = [
    // support@: a thread that is done with, and what waits.
    Letter {
        done: moved(ALICE.0, &[Seen, Answered], "Archive"),
        ..came(
            SUPPORT,
            VISITOR,
            "door-code@example.net",
            "The code of the side door",
            3 * DAY,
            "Hello,\n\nthe code you sent me yesterday does not open the side door any more.\n\
             Could somebody look at it before the evening?\n\nThank you!\n",
        )
    },
    sent(
        SUPPORT,
        ALICE.0,
        AS_SUPPORT,
        VISITOR.1,
        Letter {
            answers: &["door-code@example.net"],
            ..came(
                SUPPORT,
                VISITOR,
                "door-code-answer@example.org",
                "Re: The code of the side door",
                3 * DAY - 40,
                "Hello,\n\nit was changed at noon, and your letter crossed ours. The new one is on its way\n\
             to your phone. Tell us if the door stays shut.\n\nAlice, for support\n",
            )
        },
    ),
    Letter {
        answers: &["door-code@example.net", "door-code-answer@example.org"],
        done: moved(ALICE.0, &[Seen], "Archive"),
        ..came(
            SUPPORT,
            VISITOR,
            "door-code-thanks@example.net",
            "Re: The code of the side door",
            3 * DAY - 90,
            "It opens. That was quick, thank you!\n",
        )
    },
    Letter {
        done: moved(ALICE.0, &[Seen], "Junk"),
        ..came(
            SUPPORT,
            ("Winner Bureau", "prizes@example.net"),
            "prize@example.net",
            "YOU HAVE WON a garden gnome!!!",
            2 * DAY + 200,
            "Dear lucky address,\n\nsend us only the postage and the gnome is yours.\n",
        )
    },
    Letter {
        done: done(ALICE.0, &[Seen, Answered]),
        ..came(
            SUPPORT,
            VOISINE,
            "parking@example.net",
            "Accès au parking pendant les travaux ?",
            2 * DAY,
            "Bonjour,\n\nla rue sera fermée dès lundi. Pourrons-nous passer par la cour\n\
             pour atteindre le parking ?\n\nMerci d'avance\n",
        )
    },
    sent(
        SUPPORT,
        ALICE.0,
        AS_SUPPORT,
        VOISINE.1,
        Letter {
            answers: &["parking@example.net"],
            ..came(
                SUPPORT,
                VOISINE,
                "parking-answer@example.org",
                "Re: Accès au parking pendant les travaux ?",
                2 * DAY - 25,
                "Bonjour,\n\noui, la grille de la cour reste ouverte de 7 h à 20 h pendant les travaux.\n\n\
             Alice, pour le support\n",
            )
        },
    ),
    Letter {
        answers: &["parking@example.net", "parking-answer@example.org"],
        ..came(
            SUPPORT,
            VOISINE,
            "parking-again@example.net",
            "Re: Accès au parking pendant les travaux ?",
            20 * HOUR,
            "Parfait ! Et le dimanche aussi ?\n",
        )
    },
    Letter {
        done: done(ERIN, &[Seen, Flagged]),
        ..came(
            SUPPORT,
            KUNDIN,
            "schluessel@example.net",
            "Schlüssel verloren – was nun?",
            15 * HOUR,
            "Guten Tag,\n\nich habe gestern Abend meinen Schlüssel für den Nebeneingang verloren.\n\
             Muss das Schloss getauscht werden, und wer zahlt das?\n\nMit freundlichen Grüßen\n",
        )
    },
    Letter {
        account: SUPPORT,
        place: Place::Kept(ALICE.0, "Drafts"),
        answers: &["schluessel@example.net"],
        ..came(
            KUNDIN.1,
            AS_SUPPORT,
            "schluessel-entwurf@example.org",
            "Re: Schlüssel verloren – was nun?",
            14 * HOUR,
            "Guten Tag,\n\nkeine Sorge: Die Karte lässt sich sperren, das Schloss bleibt. Neu kostet sie\n",
        )
    },
    Letter {
        attachments: &[Png("puerta.png", [0xd9, 0x82, 0x2b])],
        ..came(
            SUPPORT,
            CLIENTE,
            "puerta@example.net",
            "La puerta no cierra (foto)",
            9 * HOUR,
            "Buenos días:\n\nla puerta lateral roza el suelo y no cierra del todo. Adjunto una foto.\n\
             ¿Podrían pasar esta semana?\n\nUn saludo\n",
        )
    },
    came(
        SUPPORT,
        KYAKU,
        "ryoshusho@example.net",
        "領収書の再発行について",
        6 * HOUR,
        "お世話になっております。\n\n先月分の領収書を紛失してしまいました。\n再発行していただくことは可能でしょうか。\n\n\
         よろしくお願いいたします。\n",
    ),
    Letter {
        done: done(ALICE.0, &[Seen]),
        ..came(
            SUPPORT,
            ZABUN,
            "mawid@example.net",
            "سؤال عن موعد التسليم",
            4 * HOUR,
            "مرحباً،\n\nهل يمكن تغيير موعد التسليم إلى يوم الخميس مساءً؟\n\nشكراً لكم\n",
        )
    },
    came(
        SUPPORT,
        VISITOR,
        "opening-hours@example.net",
        "Open on the 24th?",
        95,
        "Hello,\n\nare you open on the morning of the 24th? We would come with two children\n\
         and a very patient dog.\n",
    ),
    // billing@
    Letter {
        done: moved(CAROL, &[Seen], "Archive/2025"),
        attachments: &[Pdf("invoice-1874.pdf", &["Invoice 1874", "250 envelopes, printed", "61.00 EUR, paid"])],
        ..came(
            BILLING,
            PRINTER,
            "invoice-1874@example.net",
            "Invoice 1874",
            200 * DAY,
            "Two hundred and fifty envelopes: 61.00 €, payable within 30 days.\n",
        )
    },
    Letter {
        done: moved(CAROL, &[Seen], "Archive/2026"),
        attachments: &[Pdf("invoice-1990.pdf", &["Invoice 1990", "One roll of tickets", "38.50 EUR, paid"])],
        ..came(
            BILLING,
            PRINTER,
            "invoice-1990@example.net",
            "Invoice 1990",
            40 * DAY,
            "One roll of tickets, numbered: 38.50 €, payable within 30 days.\n",
        )
    },
    Letter {
        done: done(CAROL, &[Seen, Answered]),
        ..came(
            BILLING,
            ("Een klant", "klant@example.net"),
            "dubbel@example.net",
            "Factuur 77 dubbel betaald",
            3 * DAY,
            "Beste mensen,\n\nik heb factuur 77 per ongeluk twee keer betaald. Kunt u één bedrag terugstorten?\n\n\
             Met vriendelijke groet\n",
        )
    },
    sent(
        BILLING,
        CAROL,
        AS_BILLING,
        "klant@example.net",
        Letter {
            answers: &["dubbel@example.net"],
            ..came(
                BILLING,
                VISITOR,
                "dubbel-antwoord@example.org",
                "Re: Factuur 77 dubbel betaald",
                3 * DAY - 3 * HOUR,
                "Dank u wel voor het melden. Het bedrag staat morgen weer op uw rekening.\n\nCarol, Billing\n",
            )
        },
    ),
    Letter {
        attachments: &[Csv("open-items.csv", "number,date,amount\n81,2026-10-02,120.00\n84,2026-10-19,45.50\n")],
        ..came(
            BILLING,
            ("The accountant", "accounts@example.net"),
            "open-items@example.net",
            "Open items of last month",
            26 * HOUR,
            "Two items are still open, see the table. The older one is due on Friday.\n",
        )
    },
    Letter {
        done: done(CAROL, &[Seen, Flagged]),
        attachments: &[Pdf("invoice-2041.pdf", &["Invoice 2041", "500 postcards", "84.00 EUR"])],
        ..came(
            BILLING,
            PRINTER,
            "invoice-2041@example.net",
            "Invoice 2041",
            60,
            "Five hundred postcards: 84.00 €, payable within 30 days.\n",
        )
    },
    // events@
    Letter {
        account: EVENTS,
        place: Place::Kept(CAROL, "Sent"),
        html: Some(
            "<!doctype html>\n<h1>What is on in autumn</h1>\n<p>The fair opens its gates, the choir sings, and the \
             <b>side door</b> stands open all Saturday.</p>\n<p><a href=\"https://events.example.com/autumn\">The \
             whole programme</a></p>\n",
        ),
        ..came(
            "subscribers@example.com",
            AS_EVENTS,
            "programme@example.com",
            "What is on in autumn",
            6 * DAY,
            "What is on in autumn\n\nThe fair opens its gates, the choir sings, and the side door stands open\n\
             all Saturday. The whole programme: https://events.example.com/autumn\n",
        )
    },
    Letter {
        done: done(FRANK, &[Seen, Answered]),
        ..came(
            EVENTS,
            VOLUNTEER,
            "help-at-the-fair@example.net",
            "Хочу допомогти на ярмарку",
            5 * DAY,
            "Доброго дня!\n\nУ суботу я вільна цілий день. Чи потрібні вам ще помічники біля входу?\n",
        )
    },
    sent(
        EVENTS,
        FRANK,
        AS_EVENTS,
        VOLUNTEER.1,
        Letter {
            answers: &["help-at-the-fair@example.net"],
            ..came(
                EVENTS,
                VISITOR,
                "help-answer@example.com",
                "Re: Хочу допомогти на ярмарку",
                5 * DAY - 50,
                "Так, дуже! Чекаємо на вас о дев'ятій біля бічних дверей.\n\nFrank, Events\n",
            )
        },
    ),
    Letter {
        attachments: &[Pdf("stand.pdf", &["Stand 14", "3 x 2 m, power, no water"])],
        ..came(
            EVENTS,
            EXHIBITOR,
            "stand@example.net",
            "Zgłoszenie stoiska na jarmark jesienny",
            28 * HOUR,
            "Dzień dobry,\n\nw załączniku przesyłam zgłoszenie stoiska. Czy można jeszcze dostać miejsce\n\
             blisko wejścia?\n\nPozdrawiam serdecznie\n",
        )
    },
    Letter {
        done: done(GRACE, &[Seen]),
        attachments: &[Calendar("choir.ics", "Open rehearsal of the choir", 12)],
        ..came(
            EVENTS,
            ("The choir", "choir@example.net"),
            "rehearsal@example.net",
            "Open rehearsal: please put it on the calendar",
            7 * HOUR,
            "The date is in the file. Anybody may listen; humming is allowed.\n",
        )
    },
    Letter {
        to: "tickets@example.com",
        ..came(
            EVENTS,
            KUNDIN,
            "zwei-karten@example.net",
            "Zwei Karten für Samstag",
            150,
            "Hallo,\n\ngibt es für Samstag noch zwei Karten, eine davon ermäßigt?\n",
        )
    },
    Letter {
        account: EVENTS,
        place: Place::Kept(GRACE, "Drafts"),
        answers: &["zwei-karten@example.net"],
        ..came(
            KUNDIN.1,
            AS_EVENTS,
            "zwei-karten-entwurf@example.com",
            "Re: Zwei Karten für Samstag",
            130,
            "Hallo,\n\nja, an der Abendkasse. Carol, stimmt der Preis noch?\n",
        )
    },
    // hr@
    Letter {
        to: "jobs@example.org",
        done: moved(DAVE, &[Seen, Flagged], "Applications"),
        attachments: &[Pdf("curriculum.pdf", &["Curriculum", "Carpenter, twelve years", "Repairs doors of all kinds"])],
        ..came(
            HR,
            APPLICANT,
            "candidatura@example.net",
            "Candidatura: falegname",
            4 * DAY,
            "Buongiorno,\n\nho letto che cercate una persona che ripari porte e finestre. In allegato trovate\n\
             il mio curriculum.\n\nCordiali saluti\n",
        )
    },
    Letter {
        done: done(DAVE, &[Seen]),
        attachments: &[Png("note.png", [0xf2, 0xf0, 0xe6])],
        ..came(
            HR,
            ("Bob", BOB.0),
            "away@example.org",
            "Away until Thursday",
            30 * HOUR,
            "Dave,\n\nthe doctor's note is attached. I am back on Thursday.\n\nBob\n",
        )
    },
    came(
        HR,
        ("Grace", GRACE),
        "holiday@example.com",
        "Two weeks in May",
        8 * HOUR,
        "Hello Dave,\n\ncould I be away for the first two weeks of May? Frank takes the spring fair.\n\nGrace\n",
    ),
    // People among themselves, and a group.
    Letter {
        to: TEAM,
        done: done(ALICE.0, &[Seen]),
        ..came(
            ALICE.0,
            ("Erin", ERIN),
            "shifts@example.org",
            "Shifts of next week",
            25 * HOUR,
            "Monday to Wednesday: Alice. Thursday: I. Friday is still open.\n\nErin\n",
        )
    },
    Letter {
        to: TEAM,
        ..came(
            BOB.0,
            ("Erin", ERIN),
            "shifts@example.org",
            "Shifts of next week",
            25 * HOUR,
            "Monday to Wednesday: Alice. Thursday: I. Friday is still open.\n\nErin\n",
        )
    },
    Letter {
        done: done(ALICE.0, &[Seen, Answered]),
        ..came(
            ALICE.0,
            ("Bob", BOB.0),
            "friday@example.org",
            "Who takes support on Friday?",
            42,
            "I am away on Friday. Can you take support@ alone?\nI can read along but not answer anyway.\n\nBob\n",
        )
    },
    Letter {
        answers: &["friday@example.org"],
        ..came(
            BOB.0,
            ("Alice", ALICE.0),
            "friday-answer@example.org",
            "Re: Who takes support on Friday?",
            12,
            "Yes. Carol keeps an eye on billing@.\n\nAlice\n",
        )
    },
    Letter {
        account: ALICE.0,
        place: Place::Kept(ALICE.0, "Sent"),
        answers: &["friday@example.org"],
        ..came(
            BOB.0,
            ("Alice", ALICE.0),
            "friday-answer@example.org",
            "Re: Who takes support on Friday?",
            12,
            "Yes. Carol keeps an eye on billing@.\n\nAlice\n",
        )
    },
    came(
        CAROL,
        ("Frank", FRANK),
        "posters@example.com",
        "Posters",
        18,
        "The posters of the fair are printed. Their invoice goes to billing@, I suppose?\n\nFrank\n",
    ),
];
