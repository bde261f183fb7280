//! What the stand-in remembers: accounts with their envelopes and budgets, and counters, all of it bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::base::limits;
use crate::simulator::estate::{Estate, Growth};
use crate::simulator::life::{Account, Envelope};

use super::budget::{Budget, Left, Limits};

/// How long a transaction id is known (rest.md §2).
const TRANSACTION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// One account.
#[derive(Debug)]
struct Holding {
    envelopes: HashMap<Uuid, Arc<Envelope>>,
    /// Oldest first: the first ones are forgotten when there are too many.
    order: VecDeque<Uuid>,
    transactions: HashMap<String, (Uuid, Timestamp)>,
    estate: Estate,
    budget: Budget,
}

/// All accounts.
#[derive(Debug, Default)]
pub(super) struct World {
    accounts: HashMap<Uuid, (Arc<Account>, Holding)>,
}

impl World {
    /// Makes an account known.
    pub(super) fn open(&mut self, account: &Arc<Account>) {
        if self.accounts.len() < limits::SIMULATOR_ACCOUNTS_MAX {
            let holding = || Holding {
                envelopes: HashMap::new(),
                order: VecDeque::new(),
                transactions: HashMap::new(),
                estate: Estate::of(account),
                budget: Budget::default(),
            };
            self.accounts.entry(account.id).or_insert_with(|| (Arc::clone(account), holding()));
        }
    }

    /// The account that a path names, by its GUID or, as DocuSign takes too, by its number.
    pub(super) fn account_id(&self, named: &str) -> Option<Uuid> {
        if let Ok(id) = named.parse() {
            return self.accounts.contains_key(&id).then_some(id);
        }
        let number: u64 = named.parse().ok()?;
        self.accounts.values().map(|(account, _)| account).find(|a| a.number == number).map(|a| a.id)
    }

    pub(super) fn account(&self, id: Uuid) -> Option<&Arc<Account>> {
        self.accounts.get(&id).map(|(account, _)| account)
    }

    /// Puts an envelope in as it stands now; its account is opened where it is new.
    pub(super) fn put(&mut self, envelope: Arc<Envelope>) {
        self.open(&envelope.account);
        let Some((_, holding)) = self.accounts.get_mut(&envelope.account.id) else { return };
        let id = envelope.id;
        if holding.envelopes.insert(id, envelope).is_none() {
            holding.order.push_back(id);
        }
        while holding.order.len() > limits::SIMULATOR_ENVELOPES_MAX
            && let Some(oldest) = holding.order.pop_front()
        {
            holding.envelopes.remove(&oldest);
            holding.transactions.retain(|_, (id, _)| *id != oldest);
        }
    }

    pub(super) fn envelope(&self, account: Uuid, id: Uuid) -> Option<Arc<Envelope>> {
        self.accounts.get(&account)?.1.envelopes.get(&id).cloned()
    }

    /// All envelopes of an account, in no order.
    pub(super) fn envelopes(&self, account: Uuid) -> impl Iterator<Item = &Arc<Envelope>> {
        self.accounts.get(&account).into_iter().flat_map(|(_, holding)| holding.envelopes.values())
    }

    /// The envelope that was made under that transaction id in the last seven days.
    pub(super) fn by_transaction(
        &self,
        account: Uuid,
        transaction: &str,
        now: Timestamp,
    ) -> Option<Arc<Envelope>> {
        let (_, holding) = self.accounts.get(&account)?;
        let (id, at) = holding.transactions.get(transaction)?;
        let known = now.duration_since(*at) < TRANSACTION_LIFE;
        holding.envelopes.get(id).filter(|_| known).cloned()
    }

    pub(super) fn remember_transaction(
        &mut self,
        account: Uuid,
        transaction: String,
        made: (Uuid, Timestamp),
    ) {
        if let Some((_, holding)) = self.accounts.get_mut(&account) {
            holding.transactions.insert(transaction, made);
        }
    }

    pub(super) fn estate(&self, account: Uuid) -> Option<&Estate> {
        self.accounts.get(&account).map(|(_, holding)| &holding.estate)
    }

    pub(super) fn estate_mut(&mut self, account: Uuid) -> Option<&mut Estate> {
        self.accounts.get_mut(&account).map(|(_, holding)| &mut holding.estate)
    }

    /// Lets what an account has grow; false where it would be too much.
    pub(super) fn grow(&mut self, account: Uuid, by: Growth) -> bool {
        let Some((account, holding)) = self.accounts.get_mut(&account) else { return false };
        let fits = holding.estate.size() + by.total() <= limits::SIMULATOR_ESTATE_MAX;
        if fits {
            holding.estate.grow(account, by);
        }
        fits
    }

    pub(super) fn spend(&mut self, account: Uuid, now: Timestamp, limits: Limits) -> Option<Left> {
        self.accounts.get_mut(&account).map(|(_, holding)| holding.budget.spend(now, limits))
    }
}

/// How often each call was made, by its name: `GET /envelopes/{envelope}`.
#[derive(Debug, Default)]
pub(super) struct Calls(BTreeMap<String, u64>);

impl Calls {
    pub(super) fn count(&mut self, call: &str) {
        // Names are the patterns of routes, so that there are only so many.
        *self.0.entry(call.to_owned()).or_default() += 1;
    }

    pub(super) fn all(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}
