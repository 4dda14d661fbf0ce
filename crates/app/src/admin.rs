//! Administration: domains, people, groups, shared accounts, delegates, the trail. The
//! gate's `Authority` decides who may; REST and the CLI translate.

use crate::passwords::{PasswordError, check_password_rules};
use crate::shared::{manage_grants, number_of};
use crate::{House, Refused};
use postern_access::Actor;
use postern_store::{
    AccountRow, Authority, Caller, DutyClass, Founding, GateError, Given, GrantReach, GrantRow, GroupRow,
    ManageAdministrators, ManageDomains, ManageGrants, ManageGroups, ManagePeople, ManageShared, MemberRow, NewGrant,
    Principal, ReadAccount, ReadGrants, ReadOrganisation, Resume, Revoke, Rule, SetPasswords, StoreError, Suspend,
    TakenBack, Tx,
};
use postern_types::{
    AccountId, Address, DisplayName, Domain, GroupId, PrincipalId, Rights, Secret, SendRights, Timestamp,
};

/// What a new house starts with.
#[derive(Debug, Clone)]
pub struct Founder {
    /// First domain.
    pub domain: Domain,
    /// First admin.
    pub admin: Address,
    /// Their password.
    pub password: Secret,
}

/// A group with its members.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// The group.
    pub row: GroupRow,
    /// Who is in it.
    pub members: Vec<MemberRow>,
}

/// A shared account as whoever takes part in it sees it.
#[derive(Debug, Clone)]
pub struct SharedSeen {
    /// The account.
    pub row: AccountRow,
    /// How much is in it may be told: to those who see the whole of it, for a delegate of one
    /// mailbox learns nothing of the others.
    pub is_measured: bool,
}

/// A shared account with its addresses and delegates.
#[derive(Debug, Clone)]
pub struct SharedView {
    /// The account.
    pub shared: SharedSeen,
    /// Its addresses, the primary one first.
    pub addresses: Vec<String>,
    /// Who may do what in it, for those who may know that.
    pub grants: Option<Vec<GrantRow>>,
}

/// What a delegate is given.
#[derive(Debug, Clone)]
pub struct GrantTerms {
    /// Where.
    pub reach: GrantReach,
    /// The letters.
    pub rights: Rights,
    /// What they may write into From.
    pub send: SendRights,
    /// Show the account to them without being asked.
    pub automap: bool,
    /// When it ends.
    pub not_after: Option<Timestamp>,
}

/// What whoever gives has named beside an end, where they named neither a role nor letters.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// To send as the account, or not.
    pub send_as: Option<bool>,
    /// To send on its behalf, or not.
    pub send_on_behalf: Option<bool>,
    /// Whether it is shown without being asked for.
    pub automap: Option<bool>,
}

impl Named {
    fn names_sending(self) -> bool {
        self.send_as.is_some() || self.send_on_behalf.is_some()
    }

    fn over(self, held: SendRights) -> SendRights {
        SendRights {
            send_as: self.send_as.unwrap_or(held.send_as),
            send_on_behalf: self.send_on_behalf.unwrap_or(held.send_on_behalf),
        }
    }
}

impl From<PasswordError> for Refused {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy | PasswordError::Failed => Refused::Unavailable,
            rule => Refused::Rule(Rule::Unusable(rule.to_string())),
        }
    }
}

pub(crate) fn account_of(tx: &Tx<'_>, address: &Address, what: &str) -> Result<AccountId, GateError> {
    tx.account_at(address)?.ok_or_else(|| Rule::Absent(format!("{what} {address}")).into())
}

/// A proof of a duty on the account with this address. Where nobody has the address the same
/// statements run, so that what is hidden and what is absent take the same way (law 4).
pub(crate) fn duty_at<'t, D: DutyClass>(
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    address: &Address,
    what: &str,
) -> Result<(AccountId, Authority<'t, D>), GateError> {
    let found = tx.account_at(address)?;
    let account = found.unwrap_or_else(Tx::no_account);
    match (found, tx.authority_on::<D>(caller, account)) {
        // A token that has ended is told so whatever it asked for.
        (_, Err(GateError::Ended)) => Err(GateError::Ended),
        (Some(_), proof) => Ok((account, proof?)),
        (None, _) => Err(Rule::Absent(format!("{what} {address}")).into()),
    }
}

/// A shared account as the caller sees it; nothing where it is not shared, or not for them.
fn seen(tx: &Tx<'_>, caller: &Caller, account: AccountId) -> Result<Option<SharedSeen>, GateError> {
    let Some(proof) = allowed(tx.authority_on::<ReadAccount>(caller, account))? else { return Ok(None) };
    let Some(row) = proof.row()?.filter(|row| row.is_shared) else { return Ok(None) };
    let is_measured = allowed(tx.authority_on::<ReadGrants>(caller, account))?.is_some();
    Ok(Some(SharedSeen { row, is_measured }))
}

/// A proof, or nothing where the verdict was no.
pub(crate) fn allowed<T>(proof: Result<T, GateError>) -> Result<Option<T>, GateError> {
    match proof {
        Ok(proof) => Ok(Some(proof)),
        Err(GateError::Denied(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn group_of(tx: &Tx<'_>, address: &Address) -> Result<GroupId, GateError> {
    match tx.principal_at(address)? {
        Some(Principal::Group(group)) => Ok(group),
        _ => Err(Rule::Absent(format!("group {address}")).into()),
    }
}

/// A person or a group, by address; shared accounts hold no grants.
pub(crate) fn grantee_of(tx: &Tx<'_>, address: &Address) -> Result<PrincipalId, GateError> {
    match tx.principal_at(address)? {
        Some(Principal::Group(group)) => Ok(group.principal()),
        Some(Principal::Account(account)) if tx.is_person(account)? => {
            PrincipalId::new(account.get()).map_err(|error| StoreError::from(error).into())
        }
        _ => Err(Rule::Absent(format!("person or group {address}")).into()),
    }
}

impl House {
    /// The operator at the local socket, as the kernel names them.
    pub fn operator(&self, uid: u32) -> Result<Caller, Refused> {
        self.operator_by("socket", uid)
    }

    /// The operator whose own process has opened the house: no server runs.
    pub fn operator_offline(&self, uid: u32) -> Result<Caller, Refused> {
        self.operator_by("offline", uid)
    }

    fn operator_by(&self, way: &'static str, uid: u32) -> Result<Caller, Refused> {
        Ok(Caller::new(Actor::Operator { uid }, self.origin(way, String::new(), format!("operator({uid})"))?))
    }

    /// Founds the house: once, by the operator, before there is anybody else.
    pub async fn found(&self, operator: &Caller, founder: Founder) -> Result<(), Refused> {
        check_password_rules(&founder.password)?;
        let verifier = self.passwords.hash(founder.password, self.random()?).await?;
        let founding = Founding { domain: founder.domain, admin: founder.admin, password: verifier };
        let caller = operator.clone();
        self.db.write(move |tx: &Tx<'_>| tx.found(&caller, &founding).map(|_| ())).await?;
        Ok(())
    }

    /// Has the house been founded?
    pub async fn is_founded(&self) -> Result<bool, Refused> {
        Ok(self.db.read(|tx: &Tx<'_>| -> Result<_, StoreError> { tx.is_founded() }).await?)
    }

    /// Is any body to be in a file?
    pub async fn has_bodies_in_files(&self) -> Result<bool, Refused> {
        Ok(self.db.read(|tx: &Tx<'_>| tx.has_bodies_in_files()).await?)
    }

    pub(crate) async fn change<T: Send + 'static>(
        &self,
        job: impl Fn(&Tx<'_>) -> Result<T, GateError> + Send + Sync + 'static,
    ) -> Result<T, Refused> {
        Ok(self.db.write(job).await?)
    }

    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        job: impl Fn(&Tx<'_>) -> Result<T, GateError> + Send + Sync + 'static,
    ) -> Result<T, Refused> {
        Ok(self.db.read(job).await?)
    }

    /// Every domain and when it came.
    pub async fn domains(&self, caller: &Caller) -> Result<Vec<(String, Timestamp)>, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| Ok(tx.authority::<ReadOrganisation>(&caller)?.domains()?)).await
    }

    /// Makes a domain ours.
    pub async fn add_domain(&self, caller: &Caller, domain: &Domain) -> Result<(), Refused> {
        let (caller, domain) = (caller.clone(), domain.clone());
        self.change(move |tx| tx.authority::<ManageDomains>(&caller)?.add_domain(&domain)).await
    }

    /// Takes a domain away that no address uses.
    pub async fn remove_domain(&self, caller: &Caller, domain: &Domain) -> Result<(), Refused> {
        let (caller, domain) = (caller.clone(), domain.clone());
        self.change(move |tx| tx.authority::<ManageDomains>(&caller)?.remove_domain(&domain)).await
    }

    /// Every person.
    pub async fn persons(&self, caller: &Caller) -> Result<Vec<AccountRow>, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| Ok(tx.authority::<ReadOrganisation>(&caller)?.persons()?)).await
    }

    /// Makes a person; without a password they can not sign in yet.
    pub async fn add_person(
        &self,
        caller: &Caller,
        address: &Address,
        name: &DisplayName,
        password: Option<Secret>,
    ) -> Result<(), Refused> {
        let verifier = match password {
            Some(password) => Some(self.verifier_of(password).await?),
            None => None,
        };
        let (caller, address, name) = (caller.clone(), address.clone(), name.clone());
        self.change(move |tx| {
            tx.authority::<ManagePeople>(&caller)?.add_person(&address, name.as_str(), verifier.as_ref()).map(|_| ())
        })
        .await
    }

    pub(crate) async fn verifier_of(&self, password: Secret) -> Result<Secret, Refused> {
        check_password_rules(&password)?;
        Ok(self.passwords.hash(password, self.random()?).await?)
    }

    /// Gives somebody else another password; their sessions end. Answers whether they had one before.
    pub async fn set_password(&self, caller: &Caller, address: &Address, password: Secret) -> Result<bool, Refused> {
        let verifier = self.verifier_of(password).await?;
        let (caller, address) = (caller.clone(), address.clone());
        self.change(move |tx| {
            let passwords = tx.authority::<SetPasswords>(&caller)?;
            let account = account_of(tx, &address, "person")?;
            if !tx.is_person(account)? {
                // Delegation first: nobody signs in to a shared mailbox by a password of its own.
                let text = format!(
                    "{address} is a shared mailbox and has no password. People work in it as delegates, each signed in as \
                     themselves: postern delegate add {address} PERSON. A program that can not do that gets a credential of \
                     its own: postern credential issue {address} --purpose PURPOSE --owner EMAIL \
                     --reason TEXT --network CIDR"
                );
                return Err(Rule::Unusable(text).into());
            }
            passwords.set_password(account, &verifier)
        })
        .await
    }

    /// Suspends a person, or lets them back.
    pub async fn suspend_person(&self, caller: &Caller, address: &Address, suspended: bool) -> Result<(), Refused> {
        let (caller, address) = (caller.clone(), address.clone());
        self.change(move |tx| {
            if suspended {
                let (person, authority) = duty_at::<Suspend>(tx, &caller, &address, "person")?;
                return authority.suspend(person);
            }
            let (person, authority) = duty_at::<Resume>(tx, &caller, &address, "person")?;
            authority.resume(person)
        })
        .await
    }

    /// Makes a person an administrator of the organisation, or ends that they are one.
    pub async fn set_admin(&self, caller: &Caller, address: &Address, admin: bool) -> Result<AccountRow, Refused> {
        let (caller, address) = (caller.clone(), address.clone());
        self.change(move |tx| {
            tx.authority_on::<ManageAdministrators>(&caller, number_of(tx, &address)?)?.set_admin(admin)
        })
        .await
    }

    /// Every group.
    pub async fn groups(&self, caller: &Caller) -> Result<Vec<GroupRow>, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| Ok(tx.authority::<ReadOrganisation>(&caller)?.groups()?)).await
    }

    /// One group with its members.
    pub async fn group(&self, caller: &Caller, address: &Address) -> Result<GroupView, Refused> {
        let (caller, address) = (caller.clone(), address.clone());
        self.ask(move |tx| {
            let groups = tx.authority::<ReadOrganisation>(&caller)?;
            let id = group_of(tx, &address)?;
            let row = groups.groups()?.into_iter().find(|row| row.id == id);
            let row = row.ok_or_else(|| Rule::Absent(format!("group {address}")))?;
            Ok(GroupView { row, members: groups.members(id)? })
        })
        .await
    }

    /// Makes a group of these members.
    pub async fn add_group(
        &self,
        caller: &Caller,
        address: &Address,
        name: &DisplayName,
        members: &[Address],
    ) -> Result<(), Refused> {
        let (caller, address, name, members) = (caller.clone(), address.clone(), name.clone(), members.to_vec());
        self.change(move |tx| {
            let groups = tx.authority::<ManageGroups>(&caller)?;
            let group = groups.add_group(&address, name.as_str())?;
            for member in &members {
                groups.set_member(group, account_of(tx, member, "account")?, true)?;
            }
            Ok(())
        })
        .await
    }

    async fn set_member(
        &self,
        caller: &Caller,
        group: &Address,
        member: &Address,
        is_member: bool,
    ) -> Result<(), Refused> {
        let (caller, group, member) = (caller.clone(), group.clone(), member.clone());
        self.change(move |tx| {
            let groups = tx.authority::<ManageGroups>(&caller)?;
            groups.set_member(group_of(tx, &group)?, account_of(tx, &member, "account")?, is_member)
        })
        .await
    }

    /// Adds a member to a group.
    pub async fn add_member(&self, caller: &Caller, group: &Address, member: &Address) -> Result<(), Refused> {
        self.set_member(caller, group, member, true).await
    }

    /// Takes a member out of a group.
    pub async fn remove_member(&self, caller: &Caller, group: &Address, member: &Address) -> Result<(), Refused> {
        self.set_member(caller, group, member, false).await
    }

    /// Deletes a group with the grants it holds.
    pub async fn remove_group(&self, caller: &Caller, address: &Address) -> Result<(), Refused> {
        let (caller, address) = (caller.clone(), address.clone());
        self.change(move |tx| {
            let groups = tx.authority::<ManageGroups>(&caller)?;
            groups.remove_group(group_of(tx, &address)?)
        })
        .await
    }

    /// Every shared account to those who see the organisation, to others those they take
    /// part in.
    pub async fn shared(&self, caller: &Caller) -> Result<Vec<SharedSeen>, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| {
            if let Some(organisation) = allowed(tx.authority::<ReadOrganisation>(&caller))? {
                let rows = organisation.shared()?.into_iter();
                return Ok(rows.map(|row| SharedSeen { row, is_measured: true }).collect());
            }
            let mut found = Vec::new();
            for account in tx.accounts_of(&caller)? {
                found.extend(seen(tx, &caller, account)?);
            }
            found.sort_by(|one, other| one.row.address.cmp(&other.row.address));
            Ok(found)
        })
        .await
    }

    /// Makes a shared account; `members` become delegates with full access and send-as.
    pub async fn add_shared(
        &self,
        caller: &Caller,
        address: &Address,
        name: &DisplayName,
        aliases: &[Address],
        members: &[Address],
    ) -> Result<(), Refused> {
        let (caller, address, name) = (caller.clone(), address.clone(), name.clone());
        let (aliases, members) = (aliases.to_vec(), members.to_vec());
        self.change(move |tx| {
            let authority = tx.authority::<ManageShared>(&caller)?;
            let account = authority.add_shared(&address, name.as_str())?;
            for alias in &aliases {
                authority.add_alias(account, alias)?;
            }
            give_members(tx, &caller, account, &members)
        })
        .await
    }

    /// One shared account with its addresses, and its delegates for those who may know them.
    pub async fn show_shared(&self, caller: &Caller, address: &Address) -> Result<SharedView, Refused> {
        let (caller, address) = (caller.clone(), address.clone());
        self.ask(move |tx| {
            let (account, proof) = duty_at::<ReadAccount>(tx, &caller, &address, "shared mailbox")?;
            let shared = seen(tx, &caller, account)?;
            let shared = shared.ok_or_else(|| Rule::Absent(format!("shared mailbox {address}")))?;
            let grants = allowed(tx.authority_on::<ReadGrants>(&caller, account))?;
            let grants = grants.map(|authority| authority.grants()).transpose()?;
            Ok(SharedView { shared, addresses: proof.addresses()?, grants })
        })
        .await
    }

    /// Who may do what in a shared account.
    pub async fn grants(&self, caller: &Caller, shared: &Address) -> Result<Vec<GrantRow>, Refused> {
        let (caller, shared) = (caller.clone(), shared.clone());
        self.ask(move |tx| duty_at::<ReadGrants>(tx, &caller, &shared, "shared mailbox")?.1.grants()).await
    }

    /// Makes someone a delegate of the account, a subtree or a mailbox, or changes what they
    /// were given there.
    pub async fn give(
        &self,
        caller: &Caller,
        shared: &Address,
        grantee: &Address,
        terms: GrantTerms,
    ) -> Result<Given, Refused> {
        let (caller, shared, grantee) = (caller.clone(), shared.clone(), grantee.clone());
        self.change(move |tx| give(tx, &manage_grants(tx, &caller, &shared)?, &grantee, &terms)).await
    }

    /// Changes of the grant of this reach what is named, and leaves the rest as it is; one that has
    /// ended goes on if an end is named. Who holds no such grant and is named a send right gets it
    /// beside what they hold there; who holds nothing in the account is given the terms as they
    /// are.
    pub async fn give_beside(
        &self,
        caller: &Caller,
        shared: &Address,
        grantee: &Address,
        terms: GrantTerms,
        named: Named,
    ) -> Result<Given, Refused> {
        let (caller, shared, grantee) = (caller.clone(), shared.clone(), grantee.clone());
        self.change(move |tx| {
            let authority = manage_grants(tx, &caller, &shared)?;
            let mut terms = terms.clone();
            let held = authority.held(grantee_of(tx, &grantee)?, &terms.reach)?;
            let unusable = |text: String| Err(Rule::Unusable(text).into());
            match (held.same, held.beside) {
                (Some(same), _) if same.is_live(tx.now()) || terms.not_after.is_some() => {
                    terms.rights = same.rights;
                    terms.send = named.over(same.send);
                    terms.automap = named.automap.unwrap_or(same.automap);
                    terms.not_after = terms.not_after.or(same.not_after);
                }
                (_, Some(beside)) if named.names_sending() => {
                    terms.rights = beside.rights;
                    terms.send = named.over(SendRights::NONE);
                    terms.automap = named.automap.unwrap_or(beside.automap);
                    terms.not_after = terms.not_after.or(beside.not_after);
                    if terms.rights.is_empty() && terms.send == SendRights::NONE {
                        return unusable(format!("Then {grantee} would be given nothing; name what they may"));
                    }
                }
                (Some(_), None) => {
                    return unusable(format!("What {grantee} held has ended; name an end, a role or letters"));
                }
                (_, Some(_)) => {
                    return unusable(format!(
                        "{grantee} holds no grant of that reach to change; name a role or letters"
                    ));
                }
                (None, None) => {}
            }
            give(tx, &authority, &grantee, &terms)
        })
        .await
    }

    /// Takes back what someone holds in an account: the grant of one reach, or everything.
    pub async fn take_back(
        &self,
        caller: &Caller,
        shared: &Address,
        grantee: &Address,
        reach: Option<GrantReach>,
    ) -> Result<TakenBack, Refused> {
        let (caller, shared, grantee) = (caller.clone(), shared.clone(), grantee.clone());
        self.change(move |tx| {
            let (_, authority) = duty_at::<Revoke>(tx, &caller, &shared, "shared mailbox")?;
            authority.take_back(grantee_of(tx, &grantee)?, grantee.as_str(), reach.as_ref())
        })
        .await
    }

    /// Does the caller see what the organisation has? Then they may be told which of several
    /// things is not there.
    pub async fn sees_organisation(&self, caller: &Caller) -> Result<bool, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| Ok(allowed(tx.authority::<ReadOrganisation>(&caller))?.is_some())).await
    }
}

/// What `--member` gives: full access and send-as.
pub(crate) fn give_members(
    tx: &Tx<'_>,
    caller: &Caller,
    account: AccountId,
    members: &[Address],
) -> Result<(), GateError> {
    let terms = GrantTerms {
        reach: GrantReach::Account,
        rights: Rights::FULL_ACCESS,
        send: SendRights { send_as: true, send_on_behalf: false },
        automap: true,
        not_after: None,
    };
    let authority = tx.authority_on::<ManageGrants>(caller, account)?;
    members.iter().try_for_each(|member| give(tx, &authority, member, &terms).map(|_| ()))
}

/// Nobody gives what they do not hold: the gate compares with the giver's own verdict.
fn give(
    tx: &Tx<'_>,
    authority: &Authority<'_, ManageGrants>,
    grantee: &Address,
    terms: &GrantTerms,
) -> Result<Given, GateError> {
    let grant = NewGrant {
        grantee: grantee_of(tx, grantee)?,
        grantee_address: grantee.to_string(),
        reach: terms.reach.clone(),
        rights: terms.rights,
        send: terms.send,
        automap: terms.automap,
        not_after: terms.not_after,
    };
    authority.give(&grant)
}
