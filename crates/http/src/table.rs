//! The table of routes. Dispatch, the OpenAPI description and the probes of the tests all
//! read it, so a route that is not here does not exist, and one that is here is described.
//!
//! The examples, played from top to bottom on a new house of example.org, are a story in
//! which each succeeds; a test plays it.

use crate::model::{
    AccessReport, AuditPage, CertificateAsked, CertificateState, CheckOut, ConvertedFromPerson, ConvertedToPerson,
    Credential, CredentialIssued, CredentialOpened, CredentialWithSessions, Credentials, Delegates, DomainWithRecords,
    Domains, Explained, FromPerson, GivenDelegate, GroupWithMembers, Groups, Health, ImportDone, ImportTerms,
    Invitation, KeyRotated, Keys, LoggedIn, LoggedOut, Login, Made, Me, Membership, NewCredential, NewDomain, NewGroup,
    NewPassword, NewPerson, NewShared, NewToken, OwnPassword, OwnSettings, PasswordSet, Person, PersonMade,
    PersonQuota, PersonSettings, Persons, PolicyChange, PolicySet, PolicyShown, ProblemKind, Queue, QueuedMany,
    QueuedRemoved, QueuedWhich, QueuedWithRecipients, Removed, RenewCertificate, Revocation, Revoked, Shared,
    SharedMailboxes, SharedSettings, SharedWithDelegates, SignInPage, SuppressedRecipients, Suspension, TakenBack,
    TakenInvitation, Terms, TokenMade, Tokens, Unsuppressed, Unwrap,
};
use crate::problem::Kind::{AddressTaken, Forbidden, OverLimit, RightNotHeld, SignInRefused, Unusable};
use crate::route::Query::{Flag, Needed, Page, Text, Time};
use crate::route::Verb::{Delete, Get, Patch, Post, Put};
use crate::route::{Answer, Ask, Route, Who, route};
use crate::{
    access, audit, certificate, credentials, delegates, domains, groups, health, import, keys, openapi, persons,
    policy, problem, queue, shared, sign_in, sign_ins, tokens,
};
use postern_access::Duty;

const PEOPLE: Who = Who::Has(Duty::ManagePeople);
const ADMINISTRATORS: Who = Who::Has(Duty::ManageAdministrators);
const PASSWORDS: Who = Who::Has(Duty::SetPasswords);
const GROUPS: Who = Who::Has(Duty::ManageGroups);
const DOMAINS: Who = Who::Has(Duty::ManageDomains);
const SHARED: Who = Who::Has(Duty::ManageShared);
const ORGANISATION: Who = Who::Has(Duty::ReadOrganisation);
const OPEN_PRIVATE: Who = Who::Has(Duty::OpenPrivate);
const POLICY: Who = Who::Has(Duty::ManagePolicy);
const GRANTS: Who = Who::Has(Duty::ManageGrants);
const CREDENTIALS: Who = Who::Has(Duty::ManageCredentials);
const CHECKS_OUT: Who = Who::Has(Duty::CheckOut);
const SEES_GRANTS: Who = Who::Has(Duty::ReadGrants);
const REVOKES: Who = Who::Has(Duty::Revoke);
const IMPORTS: Who = Who::Has(Duty::Import);
const QUEUE: Who = Who::Has(Duty::ManageQueue);

/// A handler as the table keeps it.
macro_rules! to {
    ($handler:path) => {{
        fn boxed(ask: Ask) -> Answer {
            Box::pin($handler(ask))
        }
        boxed
    }};
}

/// Every route.
pub static ROUTES: &[Route] = &[
    route(Get, "/healthz", "health.alive", Who::Anyone, to!(health::alive))
        .says("The process answers.")
        .gives::<Health>(200),
    route(Get, "/readyz", "health.ready", Who::Anyone, to!(health::ready))
        .says("The server and its database answer.")
        .gives::<Health>(200),
    route(Get, "/api/v1/openapi.json", "openapi", Who::Anyone, to!(openapi::serve)).says("This description."),
    route(Get, "/api/v1/problems/{slug}", "problems.show", Who::Anyone, to!(problem::explain))
        .says("What a kind of problem means.")
        .at("/api/v1/problems/absent")
        .gives::<ProblemKind>(200)
        .absent("No kind of problem is called {slug}"),
    // Domains.
    route(Post, "/api/v1/domains", "domains.add", DOMAINS, to!(domains::add))
        .says("Makes a domain ours; answers with the DNS records to publish.")
        .takes::<NewDomain>(r#"{"domain":"example.net"}"#)
        .gives::<DomainWithRecords>(201)
        .refuses(&[AddressTaken]),
    route(Get, "/api/v1/domains", "domains.list", ORGANISATION, to!(domains::list))
        .says("Every domain of the organisation.")
        .gives::<Domains>(200),
    route(Get, "/api/v1/domains/{domain}", "domains.show", ORGANISATION, to!(domains::show))
        .says("A domain with the DNS records to publish.")
        .at("/api/v1/domains/example.net")
        .gives::<DomainWithRecords>(200)
        .absent("There is no domain {domain} here"),
    route(Delete, "/api/v1/domains/{domain}", "domains.remove", DOMAINS, to!(domains::remove))
        .says("Takes a domain away that no address uses.")
        .at("/api/v1/domains/example.net")
        .gives::<Removed>(200)
        .absent("There is no domain {domain} here"),
    // Persons.
    route(Post, "/api/v1/persons", "persons.add", PEOPLE, to!(persons::add))
        .says("Adds a person with their own mailboxes.")
        .takes::<NewPerson>(r#"{"address":"alice@example.org","name":"Alice","password":"quiet garden by the river"}"#)
        .gives::<PersonMade>(201)
        .refuses(&[AddressTaken]),
    route(Get, "/api/v1/persons", "persons.list", ORGANISATION, to!(persons::list))
        .says("Every person.")
        .gives::<Persons>(200),
    route(Get, "/api/v1/persons/{address}", "persons.show", ORGANISATION, to!(persons::show))
        .says("One person.")
        .at("/api/v1/persons/alice@example.org")
        .gives::<Person>(200)
        .absent("There is no person {address}"),
    route(Patch, "/api/v1/persons/{address}", "persons.set", ADMINISTRATORS, to!(persons::set))
        .says(
            "Makes a person an administrator of the organisation, or ends that they are one. Not by a made token; and \
             of the administrators who can sign in, only an operator takes the last one away.",
        )
        .at("/api/v1/persons/alice@example.org")
        .takes::<PersonSettings>(r#"{"admin":true}"#)
        .gives::<Person>(200)
        .refuses(&[Forbidden])
        .absent("There is no person {address}"),
    route(Patch, "/api/v1/persons/{address}/quota", "persons.set-quota", PEOPLE, to!(persons::set_quota))
        .says(
            "Bounds how much a person's own mailboxes may hold. What would go above is refused; what is there \
             already stays.",
        )
        .at("/api/v1/persons/alice@example.org/quota")
        .takes::<PersonQuota>(r#"{"quota_bytes":10737418240,"quota_messages":100000}"#)
        .gives::<Person>(200)
        .absent("There is no person {address}"),
    route(Post, "/api/v1/persons/{address}/invitation", "persons.invite", PASSWORDS, to!(persons::invite))
        .says(
            "Invites somebody else to choose a password, with a code that is good once and for seven days; the one \
             before ends. The password that they have stays until then. By no made token.",
        )
        .at("/api/v1/persons/alice@example.org/invitation")
        .gives::<Invitation>(201)
        .refuses(&[Forbidden])
        .absent("There is no person {address}"),
    route(Put, "/api/v1/persons/{address}/password", "persons.set-password", PASSWORDS, to!(persons::set_password))
        .says("Gives somebody else another password. Their sessions end. Nobody's own is set here, and none by a made token.")
        .at("/api/v1/persons/alice@example.org/password")
        .takes::<NewPassword>(r#"{"password":"loud garden by the river"}"#)
        .gives::<PasswordSet>(200)
        .refuses(&[Forbidden])
        .absent("There is no person {address}"),
    route(Post, "/api/v1/persons/{address}/suspend", "persons.suspend", Who::Has(Duty::Suspend), to!(persons::suspend))
        .says("Suspends a person: their sessions end, and an invitation that waits; their mail stays. Only an operator suspends the last administrator.")
        .at("/api/v1/persons/alice@example.org/suspend")
        .gives::<Suspension>(200)
        .refuses(&[Forbidden])
        .absent("There is no person {address}"),
    route(Post, "/api/v1/persons/{address}/resume", "persons.resume", Who::Has(Duty::Resume), to!(persons::resume))
        .says("Lets a suspended person back, with their password and all that they are allowed; an invitation is made anew. Not by a made token.")
        .at("/api/v1/persons/alice@example.org/resume")
        .gives::<Suspension>(200)
        .absent("There is no person {address}"),
    // Signing in, and what is one's own.
    route(Post, "/api/v1/invitation", "invitation.take", Who::Anyone, to!(sign_in::take_invitation))
        .says("Takes an invitation: whoever was invited chooses their password. What was got by the one before ends.")
        .takes::<TakenInvitation>(r#"{"code":"ptni_the-code-as-it-was-handed-over","password":"loud garden by the river"}"#)
        .gives::<PasswordSet>(200)
        .refuses(&[SignInRefused]),
    route(Post, "/api/v1/login", "login", Who::Anyone, to!(sign_in::login))
        .says("Signs a person in by their password: answers with a token that holds for twelve hours.")
        .takes::<Login>(r#"{"email":"alice@example.org","password":"loud garden by the river"}"#)
        .gives::<LoggedIn>(200)
        .refuses(&[SignInRefused]),
    route(Get, "/api/v1/me", "me.show", Who::Person, to!(sign_in::me)).says("Who bears the token.").gives::<Me>(200),
    route(Patch, "/api/v1/me", "me.set", Who::Person, to!(sign_in::set_me))
        .says("Changes how one's own mail is sent: whether a copy is filed, and how long it can be taken back.")
        .takes::<OwnSettings>(r#"{"undo_seconds":10}"#)
        .gives::<Me>(200),
    route(Put, "/api/v1/me/password", "me.set-password", Who::Person, to!(sign_in::set_own_password))
        .says("Changes one's own password. Sessions and logins got by the one before end, but for this one.")
        .takes::<OwnPassword>(
            r#"{"current_password":"loud garden by the river","password":"still garden by the river"}"#,
        )
        .gives::<PasswordSet>(200),
    route(Post, "/api/v1/tokens", "tokens.create", Who::Person, to!(tokens::make))
        .says("Makes a token for a program that acts for its person. Only someone who has signed in makes one.")
        .takes::<NewToken>(r#"{"name":"nightly-report","role":"auditor"}"#)
        .gives::<TokenMade>(201),
    route(Get, "/api/v1/tokens", "tokens.list", Who::SignedIn, to!(tokens::list))
        .says("The live tokens of whoever asks, or of someone whose grants they may see.")
        .at("/api/v1/tokens?person=alice@example.org")
        .query(&[("person", Text, "Those of the person with this address.")])
        .gives::<Tokens>(200)
        .refuses(&[Unusable])
        .absent("There is no such person"),
    route(Delete, "/api/v1/tokens/{token}", "tokens.revoke", Who::SignedIn, to!(tokens::revoke))
        .says("Ends a token, by its id or by the name that whoever asks gave it. Its bearer is refused from now on.")
        .at("/api/v1/tokens/nightly-report")
        .gives::<Revoked>(200)
        .absent("There is no token {token}"),
    route(Post, "/api/v1/logout", "logout", Who::Person, to!(sign_in::logout))
        .says("Ends the token of the request.")
        .gives::<LoggedOut>(200),
    // Groups.
    route(Post, "/api/v1/groups", "groups.add", GROUPS, to!(groups::add))
        .says("Makes a group.")
        .takes::<NewGroup>(r#"{"address":"team@example.org","name":"Team","members":["alice@example.org"]}"#)
        .gives::<Made>(201)
        .refuses(&[AddressTaken]),
    route(Get, "/api/v1/groups", "groups.list", ORGANISATION, to!(groups::list))
        .says("Every group.")
        .gives::<Groups>(200),
    route(Get, "/api/v1/groups/{address}", "groups.show", ORGANISATION, to!(groups::show))
        .says("A group with its members.")
        .at("/api/v1/groups/team@example.org")
        .gives::<GroupWithMembers>(200)
        .absent("There is no group {address}"),
    route(Put, "/api/v1/groups/{address}/members/{member}", "groups.add-member", GROUPS, to!(groups::add_member))
        .says(
            "Adds a member to a group; they gain what the group was granted. Where somebody has shared their own \
             mailbox with it, not by a made token.",
        )
        .at("/api/v1/groups/team@example.org/members/admin@example.org")
        .gives::<Membership>(200)
        .absent("There is no group {address}, or nobody called {member}"),
    route(
        Delete,
        "/api/v1/groups/{address}/members/{member}",
        "groups.remove-member",
        GROUPS,
        to!(groups::remove_member),
    )
    .says("Takes a member out of a group.")
    .at("/api/v1/groups/team@example.org/members/admin@example.org")
    .gives::<Membership>(200)
    .absent("There is no group {address}, or nobody called {member}"),
    route(Delete, "/api/v1/groups/{address}", "groups.remove", GROUPS, to!(groups::remove))
        .says("Deletes a group with the grants it holds.")
        .at("/api/v1/groups/team@example.org")
        .gives::<Removed>(200)
        .absent("There is no group {address}"),
    // Shared mailboxes.
    route(Post, "/api/v1/shared", "shared.add", SHARED, to!(shared::add))
        .says("Makes a shared mailbox; members become delegates with full access and send-as.")
        .takes::<NewShared>(r#"{"address":"support@example.org","name":"Support","aliases":["help@example.org"]}"#)
        .gives::<Made>(201)
        .refuses(&[AddressTaken]),
    route(Get, "/api/v1/shared", "shared.list", Who::SignedIn, to!(shared::list))
        .says("The shared mailboxes that whoever asks takes part in; every one for administrators.")
        .gives::<SharedMailboxes>(200),
    route(Get, "/api/v1/shared/{address}", "shared.show", Who::Has(Duty::ReadAccount), to!(shared::show))
        .says("A shared mailbox with its addresses; its delegates and size for those who manage them.")
        .at("/api/v1/shared/support@example.org")
        .gives::<SharedWithDelegates>(200)
        .absent("There is no shared mailbox {address}"),
    route(Patch, "/api/v1/shared/{address}", "shared.set", SHARED, to!(shared::set))
        .says("Changes settings and aliases of a shared mailbox. They hold from everybody's next command on.")
        .at("/api/v1/shared/support@example.org")
        .takes::<SharedSettings>(
            r#"{"seen":"personal","delete_protection":true,"quota_bytes":10737418240,"sent_copy":"both","undo_seconds":10}"#,
        )
        .gives::<SharedWithDelegates>(200)
        .refuses(&[AddressTaken])
        .absent("There is no shared mailbox {address}"),
    route(Delete, "/api/v1/shared/{address}", "shared.remove", SHARED, to!(shared::remove))
        .says(
            "Takes a shared mailbox out of use: its delegates lose it at their next command and its mail is refused. \
             It can come back for 30 days, and its addresses stay reserved; then it is deleted.",
        )
        .at("/api/v1/shared/support@example.org")
        .gives::<Shared>(200)
        .absent("There is no shared mailbox {address}"),
    route(Post, "/api/v1/shared/{address}/restore", "shared.restore", SHARED, to!(shared::restore))
        .says("Brings a removed shared mailbox back as it was.")
        .at("/api/v1/shared/support@example.org/restore")
        .gives::<SharedWithDelegates>(200)
        .absent("There is no shared mailbox {address}"),
    route(
        Post,
        "/api/v1/shared/{address}/convert-to-person",
        "shared.convert-to-person",
        SHARED,
        to!(shared::convert_to_person),
    )
    .says(
        "Makes a shared mailbox a person's own, who can sign in once a password is set. Its credentials end; delegates \
         stay until they are taken back.",
    )
    .at("/api/v1/shared/support@example.org/convert-to-person")
    .gives::<ConvertedToPerson>(200)
    .absent("There is no shared mailbox {address}"),
    route(
        Post,
        "/api/v1/shared/{address}/convert-from-person",
        "shared.convert-from-person",
        OPEN_PRIVATE,
        to!(shared::convert_from_person),
    )
    .says(
        "Makes the mailbox of a person shared. Their passwords, tokens and sessions end, and so does what they held \
         elsewhere. Delegates can read what was private, so it must be confirmed, and it is not done by a made token.",
    )
    .at("/api/v1/shared/support@example.org/convert-from-person")
    .takes::<FromPerson>(r#"{"members":["alice@example.org"],"confirm":true}"#)
    .gives::<ConvertedFromPerson>(200)
    .refuses(&[Forbidden])
    .absent("There is no person {address}, or a member is nobody here"),
    route(Get, "/api/v1/shared/{address}/suppressed", "shared.suppressed", QUEUE, to!(queue::suppressed))
        .says("Recipients from whom mail of a campaign came back for good: none is sent there any more.")
        .at("/api/v1/shared/support@example.org/suppressed")
        .query(&[("after", Text, "Only those after this address: `next_after` of the page before.")])
        .gives::<SuppressedRecipients>(200)
        .refuses(&[Unusable])
        .absent("There is no shared mailbox {address}"),
    route(
        Delete,
        "/api/v1/shared/{address}/suppressed/{recipient}",
        "shared.unsuppress",
        QUEUE,
        to!(queue::unsuppress),
    )
    .says("Lets campaigns of a shared mailbox go to a recipient again.")
    .at("/api/v1/shared/support@example.org/suppressed/customer@example.net")
    .gives::<Unsuppressed>(200)
    .absent("There is no shared mailbox {address}, or mail to {recipient} is not held back there"),
    // Delegates.
    route(Put, "/api/v1/shared/{address}/delegates/{grantee}", "delegates.give", GRANTS, to!(delegates::give))
        .says(
            "Makes a person or group a delegate of the whole account, or of one of its mailboxes, or changes what \
             they were given there. Nobody gives what they do not hold; administrators may give everything.",
        )
        .at("/api/v1/shared/support@example.org/delegates/alice@example.org")
        .takes::<Terms>(r#"{"role":"editor","send_as":true,"until":"2046-11-22T21:00:00Z"}"#)
        .gives::<GivenDelegate>(200)
        .refuses(&[RightNotHeld])
        .absent("There is no shared mailbox {address}, or no person or group {grantee}"),
    route(
        Get,
        "/api/v1/shared/{address}/delegates",
        "delegates.list",
        Who::Has(Duty::ReadGrants),
        to!(delegates::list),
    )
    .says("Who may do what in a shared mailbox.")
    .at("/api/v1/shared/support@example.org/delegates")
    .gives::<Delegates>(200)
    .absent("There is no shared mailbox {address}"),
    // Direct sign-in: policy on it, and credentials.
    route(Get, "/api/v1/policy", "policy.show", ORGANISATION, to!(policy::show))
        .says("What the organisation allows of direct sign-in, and how many credentials are live.")
        .gives::<PolicyShown>(200),
    route(Patch, "/api/v1/policy", "policy.set", POLICY, to!(policy::set))
        .says(
            "Changes what the organisation allows of direct sign-in. What is not allowed any more is refused from now \
             on and its sessions end; it can come back with the policy, but for credentials that are ended.",
        )
        .takes::<PolicyChange>(r#"{"direct_sign_in":"allowed","max_life_seconds":31622400}"#)
        .gives::<PolicySet>(200),
    route(
        Get,
        "/api/v1/shared/{address}/policy",
        "policy.show-shared",
        Who::Has(Duty::ReadAccount),
        to!(policy::show_shared),
    )
    .says("What a shared mailbox allows of direct sign-in, by its own policy and the organisation's.")
    .at("/api/v1/shared/support@example.org/policy")
    .gives::<PolicyShown>(200)
    .absent("There is no shared mailbox {address}"),
    route(Patch, "/api/v1/shared/{address}/policy", "policy.set-shared", POLICY, to!(policy::set_shared))
        .says("Changes the policy of one shared mailbox: narrower than the organisation's, never wider.")
        .at("/api/v1/shared/support@example.org/policy")
        .takes::<PolicyChange>(r#"{"purposes":["backup","role"]}"#)
        .gives::<PolicySet>(200)
        .absent("There is no shared mailbox {address}"),
    route(Post, "/api/v1/shared/{address}/credentials", "credentials.issue", CREDENTIALS, to!(credentials::issue))
        .says(
            "Issues a credential that signs in to a shared mailbox itself. Its secret is shown this once, or to the \
             person it is wrapped for. People work in a mailbox as its delegates: this is for programs and the rest.",
        )
        .at("/api/v1/shared/support@example.org/credentials")
        .takes::<NewCredential>(
            r#"{"purpose":"role","name":"desk","owner":"admin@example.org","holder":"alice@example.org","reason":"the front desk","not_delegation":"its program knows one sign-in","any_network":true}"#,
        )
        .gives::<CredentialIssued>(201)
        .refuses(&[RightNotHeld])
        .absent("There is no shared mailbox {address}"),
    route(Get, "/api/v1/credentials", "credentials.list", Who::SignedIn, to!(credentials::list))
        .says(
            "Credentials of one shared mailbox, or of all whose delegates whoever asks may see; and those that they answer \
             for or use, wherever these are.",
        )
        .at("/api/v1/credentials?shared=support@example.org")
        .query(&[
            ("shared", Text, "Only those of the shared mailbox with this address."),
            ("expiring_before", Time, "Only those that end before this time (RFC 3339)."),
            ("ended", Flag, "`true`: those that have ended, too."),
        ])
        .gives::<Credentials>(200)
        .refuses(&[Unusable])
        .absent("There is no such shared mailbox"),
    route(Post, "/api/v1/credentials/unwrap", "credentials.unwrap", Who::Person, to!(credentials::unwrap))
        .says("Opens the secret that was wrapped for whoever asks: once, within an hour of its issue.")
        .takes::<Unwrap>(r#"{"code":"ptnc_the-code-as-it-was-handed-over"}"#)
        .gives::<CredentialOpened>(200)
        .absent("There is no such code for you: it was opened, its time is over, or it is somebody else's"),
    route(Get, "/api/v1/credentials/{id}", "credentials.show", SEES_GRANTS, to!(credentials::show))
        .says("A credential with its open sessions. By its id, or as `support@example.org/nightly`. Never its secret.")
        .at("/api/v1/credentials/support@example.org%2Fdesk")
        .gives::<CredentialWithSessions>(200)
        .absent("There is no credential {id}"),
    route(Post, "/api/v1/credentials/{id}/open", "credentials.open", CHECKS_OUT, to!(credentials::open))
        .says("Checks a role out: it signs in for so long, and is shut again after that. For its holder and owner, too.")
        .at("/api/v1/credentials/support@example.org%2Fdesk/open")
        .takes::<CheckOut>(r#"{"seconds":3600}"#)
        .gives::<Credential>(200)
        .refuses(&[Unusable])
        .absent("There is no credential {id}"),
    route(Post, "/api/v1/credentials/{id}/close", "credentials.close", REVOKES, to!(credentials::close))
        .says("Shuts a role that was checked out; its sessions end.")
        .at("/api/v1/credentials/support@example.org%2Fdesk/close")
        .gives::<CredentialWithSessions>(200)
        .refuses(&[Unusable])
        .absent("There is no credential {id}"),
    route(Post, "/api/v1/credentials/{id}/suspend", "credentials.suspend", REVOKES, to!(credentials::suspend))
        .says("Sets a credential aside: it signs in nowhere and its sessions end, until it is resumed.")
        .at("/api/v1/credentials/support@example.org%2Fdesk/suspend")
        .gives::<CredentialWithSessions>(200)
        .refuses(&[Unusable])
        .absent("There is no credential {id}"),
    route(Post, "/api/v1/credentials/{id}/resume", "credentials.resume", CREDENTIALS, to!(credentials::resume))
        .says("Lets a credential that was set aside sign in again.")
        .at("/api/v1/credentials/support@example.org%2Fdesk/resume")
        .gives::<Credential>(200)
        .refuses(&[Unusable])
        .absent("There is no credential {id}"),
    route(Post, "/api/v1/credentials/{id}/revoke", "credentials.revoke", REVOKES, to!(credentials::revoke))
        .says(
            "Takes a credential back for good. When this answers it signs in nowhere, and its sessions begin no further \
             command and end. For whoever manages its mailbox, its owner and its holder.",
        )
        .at("/api/v1/credentials/support@example.org%2Fdesk/revoke")
        .takes::<Revocation>(r#"{"compromised":false}"#)
        .gives::<CredentialWithSessions>(200)
        .absent("There is no credential {id}"),
    // Who may do what, and why.
    route(Get, "/api/v1/shared/{address}/access", "report.access", Who::Has(Duty::ReadAudit), to!(access::report))
        .says(
            "Every person who can do anything in a shared mailbox, by whichever grant, with the letters they hold, \
             and those who no longer can. For whoever reads its trail.",
        )
        .at("/api/v1/shared/support@example.org/access")
        .query(&[("at", Time, "At this later moment, with the grants as they are now (RFC 3339).")])
        .gives::<AccessReport>(200)
        .absent("There is no shared mailbox {address}"),
    route(Get, "/api/v1/explain", "explain", Who::Has(Duty::ReadAudit), to!(access::explain))
        .says(
            "May this actor do this, and why or why not. For whoever reads the trail there; everybody may ask about \
             themselves.",
        )
        .at("/api/v1/explain?actor=alice@example.org&verb=expunge&target=support@example.org/Archive")
        .query(&[
            ("actor", Needed, "Who would act: a person's address, `operator`, or a job such as `delivery`."),
            ("verb", Needed, "What they would do, by its name in the matrix or an IMAP command."),
            ("target", Needed, "An account, a mailbox as in `support@example.org/INBOX`, or `organisation`."),
            ("at", Time, "At this later moment, with the grants as they are now (RFC 3339)."),
        ])
        .gives::<Explained>(200)
        .refuses(&[Unusable])
        .absent("There is no such account or mailbox"),
    route(
        Delete,
        "/api/v1/shared/{address}/delegates/{grantee}",
        "delegates.take-back",
        Who::Has(Duty::Revoke),
        to!(delegates::take_back),
    )
    .says(
        "Takes back everything that someone holds in a shared mailbox, or only the grant on one mailbox or subtree. \
         It holds from their next command on.",
    )
    .at("/api/v1/shared/support@example.org/delegates/alice@example.org")
    .query(&[
        ("mailbox", Text, "Only the grant on this mailbox."),
        ("subtree", Text, "Only the grant on this mailbox and those below it."),
    ])
    .gives::<TakenBack>(200)
    .refuses(&[RightNotHeld])
    .absent("There is no shared mailbox {address}, or {grantee} holds nothing of their own in it"),
    // The trail.
    route(Get, "/api/v1/audit", "audit.list", Who::Has(Duty::ReadAudit), to!(audit::list))
        .says("The trail, newest first.")
        .at("/api/v1/audit?limit=10&actor=alice@example.org")
        .query(&[
            ("account", Text, "Only what happened in the account with this address or, for those who read the trail of the organisation, of this number, as `acc_42`: it finds a deleted one, too."),
            ("actor", Text, "Only what the person with this address did, or this credential, by its id or as `ADDRESS/NAME`."),
            ("since", Time, "Only from this time on (RFC 3339)."),
            ("before", Text, "Only events older than this one: `next_before` of the page before."),
            ("limit", Page, "At most this many, 1 to 500; 50 when left out."),
        ])
        .gives::<AuditPage>(200)
        .refuses(&[Unusable])
        .absent("There is no such account or person in the trail"),
    route(Get, "/api/v1/signins", "signins.list", Who::Has(Duty::ReadAudit), to!(sign_ins::list))
        .says(
            "Sign-ins, accepted and failed, with the true reason of a failure, newest first. Of one account for its \
             owners, of one credential for whoever answers for it or uses it, of all for whoever reads the trail of \
             the organisation.",
        )
        .at("/api/v1/signins?limit=10&failed=true")
        .query(&[
            ("account", Text, "Only those in the account with this address, or of this number, as in the trail."),
            ("credential", Text, "Only those by the credential with this id, and those that named it in vain."),
            ("failed", Flag, "Only those that failed, where this is `true`."),
            ("since", Time, "Only from this time on (RFC 3339)."),
            ("before", Text, "Only those older than this one: `next_before` of the page before."),
            ("after", Text, "Only those newer than this one, for whoever follows: `evt_0` for all."),
            ("limit", Page, "At most this many, 1 to 500; 50 when left out."),
        ])
        .gives::<SignInPage>(200)
        .refuses(&[Unusable])
        .absent("There is no such account or credential in the trail"),
    // What waits to be sent.
    route(Get, "/api/v1/queue", "queue.list", Who::SignedIn, to!(queue::list))
        .says(
            "What waits to be sent, newest first: all of it for administrators, with `account` or `credential` what is \
             sent as that for its owners, and without them what whoever asks has sent. Envelopes, never mail.",
        )
        .query(&[
            ("account", Text, "Only what is sent as the account with this address."),
            ("credential", Text, "Only what this credential handed in, by its id or as `ADDRESS/NAME`."),
            ("before", Text, "Only what was handed in before: `next_before` of the page before."),
        ])
        .gives::<Queue>(200)
        .refuses(&[Unusable])
        .absent("There is no such account or credential"),
    route(Post, "/api/v1/queue/retry", "queue.retry-many", QUEUE, to!(queue::retry_many))
        .says(
            "Sends several messages now: those that are named, or all of an account, of a credential or of the list. Of \
             all, what waits for its sender's own word or time is sent by its sender alone, and what waits for room within a limit stays.",
        )
        .takes::<QueuedWhich>(r#"{"account":"support@example.org"}"#)
        .gives::<QueuedMany>(200)
        .refuses(&[Unusable])
        .absent("There is no such account or credential"),
    route(Post, "/api/v1/queue/hold", "queue.hold-many", QUEUE, to!(queue::hold_many))
        .says("Holds several messages until somebody sends or removes them.")
        .takes::<QueuedWhich>(r#"{"account":"support@example.org"}"#)
        .gives::<QueuedMany>(200)
        .refuses(&[Unusable])
        .absent("There is no such account or credential"),
    route(Post, "/api/v1/queue/remove", "queue.remove-many", QUEUE, to!(queue::remove_many))
        .says("Takes several messages out. What is handed in meanwhile stays.")
        .takes::<QueuedWhich>(r#"{"account":"support@example.org"}"#)
        .gives::<QueuedMany>(200)
        .refuses(&[Unusable])
        .absent("There is no such account or credential"),
    route(Get, "/api/v1/queue/{id}", "queue.show", QUEUE, to!(queue::show))
        .says(
            "A message that waits, with those who have not got it and what their servers said. For whoever sent it, too, \
             as the three below are.",
        )
        .at("/api/v1/queue/msg_abcdefghijkl")
        .gives::<QueuedWithRecipients>(200)
        .absent("There is no message {id} waiting to be sent"),
    route(Post, "/api/v1/queue/{id}/hold", "queue.hold", QUEUE, to!(queue::hold))
        .says("Holds a message until somebody sends or removes it. What is on its way at this moment is not stopped.")
        .at("/api/v1/queue/msg_abcdefghijkl/hold")
        .gives::<QueuedWithRecipients>(200)
        .absent("There is no message {id} waiting to be sent"),
    route(Post, "/api/v1/queue/{id}/retry", "queue.retry", QUEUE, to!(queue::retry))
        .says("Sends a message now, whatever it waited for.")
        .at("/api/v1/queue/msg_abcdefghijkl/retry")
        .gives::<QueuedWithRecipients>(200)
        .absent("There is no message {id} waiting to be sent"),
    route(Delete, "/api/v1/queue/{id}", "queue.remove", QUEUE, to!(queue::remove))
        .says(
            "Takes a message out: who waits for it does not get it, and its sender hears nothing. A copy in Sent \
             goes to Drafts where the message has left to nobody, and stays otherwise. This is how a sender takes back what is \
             not on its way yet.",
        )
        .at("/api/v1/queue/msg_abcdefghijkl")
        .gives::<QueuedRemoved>(200)
        .absent("There is no message {id} waiting to be sent"),
    // Mail from elsewhere.
    route(Get, "/api/v1/import/{address}", "import.show", IMPORTS, to!(import::show))
        .says("How messages are brought into an account, a person's own or a shared one.")
        .at("/api/v1/import/alice@example.org")
        .gives::<ImportTerms>(200)
        .absent("There is no account {address}"),
    route(Post, "/api/v1/import/{address}", "import.add", IMPORTS, to!(import::add))
        .says(
            "Adds messages to a mailbox of an account, which is made where there is none of that name. A message that \
             is there already, byte for byte, is passed over, so an import that broke off is begun again.",
        )
        .at("/api/v1/import/alice@example.org?mailbox=Archive/2024")
        .takes_bytes(import::BODY, import::EXAMPLE)
        .gives::<ImportDone>(200)
        .query(&[("mailbox", Text, "The mailbox; INBOX without it.")])
        .refuses(&[OverLimit])
        .absent("There is no account {address}"),
    // The keys of machine secrets.
    route(Get, "/api/v1/keys", "keys.list", POLICY, to!(keys::list))
        .says("The keys that machine secrets are checked with, by name. The keys themselves are never given out.")
        .gives::<Keys>(200),
    route(Post, "/api/v1/keys/rotate", "keys.rotate", POLICY, to!(keys::rotate))
        .says(
            "Makes a new key, with which secrets are made from now on; credentials move to it when they sign in. Keys \
             that no live credential rests on are deleted.",
        )
        .gives::<KeyRotated>(200),
    // The certificate of the listeners.
    route(Get, "/api/v1/certificate", "certificate.show", ORGANISATION, to!(certificate::show))
        .says("What clients are shown in TLS, who renews it and when, how the authority was asked last, what is amiss.")
        .gives::<CertificateState>(200),
    route(Post, "/api/v1/certificate/renew", "certificate.renew", DOMAINS, to!(certificate::renew))
        .says(
            "Wants another certificate: from the authority of [tls.acme], which is asked while this is answered, or \
             from the one that init made, at once.",
        )
        .takes::<RenewCertificate>(r#"{"force":false}"#)
        .gives::<CertificateAsked>(200),
];
