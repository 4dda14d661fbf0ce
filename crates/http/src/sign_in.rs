//! Signing in and out over REST, and what a person sees and changes of themselves.

use crate::model::{
    LoggedIn, LoggedOut, Login, Me, OwnPassword, OwnSettings, PasswordSet, SecretText, TakenInvitation,
};
use crate::problem::{Kind, Problem};
use crate::route::{Ask, Reply, field};
use crate::time::show_date;
use postern_app::{InvitationRefused, OwnPasswordRefused, OwnSending};
use postern_types::Address;

/// A sign-in as any other: the same use case, limits, refusals and trail as over IMAP.
pub(crate) async fn login(ask: Ask) -> Result<Reply, Problem> {
    let login: Login = ask.document()?;
    let address = field("email", &login.email, Address::parse)?;
    let made = ask.house.login(&address, login.password.0, ask.visit.peer().clone()).await;
    let made = made.inspect_err(|_| ask.visit.failed())?;
    ask.visit.signed_in();
    Reply::ok(&LoggedIn {
        email: made.address,
        id: made.public_id,
        token: SecretText(made.token),
        expires_at: show_date(made.expires),
    })
}

pub(crate) async fn logout(ask: Ask) -> Result<Reply, Problem> {
    ask.house.logout(ask.caller()?).await?;
    Reply::ok(&LoggedOut { signed_out: true })
}

fn shown(me: postern_app::Me) -> Me {
    Me {
        address: me.address,
        name: me.name,
        admin: me.admin,
        token_role: me.role.map(|role| role.name().to_owned()),
        sent_copy: if me.files_copy { "own" } else { "none" }.to_owned(),
        undo_seconds: me.undo_seconds,
    }
}

pub(crate) async fn me(ask: Ask) -> Result<Reply, Problem> {
    Reply::ok(&shown(ask.house.me(ask.caller()?).await?))
}

pub(crate) async fn set_me(ask: Ask) -> Result<Reply, Problem> {
    let document: OwnSettings = ask.document()?;
    let files_copy = |text: &str| match text {
        "own" => Ok(true),
        "none" => Ok(false),
        _ => Err("there are own and none"),
    };
    let change = OwnSending {
        files_copy: document.sent_copy.as_deref().map(|text| field("sent_copy", text, files_copy)).transpose()?,
        undo_seconds: document.undo_seconds,
    };
    if change == OwnSending::default() {
        return Err(Problem::unusable("Nothing is to be changed; name a setting, such as undo_seconds"));
    }
    Reply::ok(&shown(ask.house.set_own_sending(ask.caller()?, change).await?))
}

/// Whoever has the code is the person it was made for: it is shown once, to who hands it over.
pub(crate) async fn take_invitation(ask: Ask) -> Result<Reply, Problem> {
    let taken: TakenInvitation = ask.document()?;
    let done = ask.house.take_invitation(&taken.code.0, taken.password.0, ask.visit.peer()).await;
    let (address, replaced) = done.map_err(|refused| match refused {
        InvitationRefused::NotValid => {
            ask.visit.failed();
            Problem::new(Kind::SignInRefused, refused.to_string())
        }
        InvitationRefused::Refused(refused) => refused.into(),
    })?;
    ask.visit.signed_in();
    Reply::ok(&PasswordSet { address, password_set: true, replaced })
}

pub(crate) async fn set_own_password(ask: Ask) -> Result<Reply, Problem> {
    let document: OwnPassword = ask.document()?;
    let caller = ask.caller()?;
    let peer = ask.visit.peer().clone();
    let changed = ask.house.change_own_password(caller, document.current_password.0, document.password.0, peer).await;
    changed.map_err(|refused| match refused {
        OwnPasswordRefused::Differs => {
            // Whoever has a login and not the password guesses it here as at the door.
            ask.visit.failed();
            Problem::unusable(refused.to_string())
        }
        OwnPasswordRefused::Refused(refused) => refused.into(),
    })?;
    let me = ask.house.me(caller).await?;
    Reply::ok(&PasswordSet { address: me.address, password_set: true, replaced: true })
}
