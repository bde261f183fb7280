//! What the stand-in remembers: accounts with their envelopes and budgets, and counters, all of it bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::base::limits;
use crate::simulator::life::{Account, Envelope};

use super::budget::{Budget, Left, Limits};

/// One account.
#[derive(Debug)]
struct Holding {
    envelopes: HashMap<Uuid, Arc<Envelope>>,
    /// Oldest first: the first ones are forgotten when there are too many.
    order: VecDeque<Uuid>,
    transactions: HashMap<String, Uuid>,
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
            holding.transactions.retain(|_, id| *id != oldest);
        }
    }

    pub(super) fn envelope(&self, account: Uuid, id: Uuid) -> Option<Arc<Envelope>> {
        self.accounts.get(&account)?.1.envelopes.get(&id).cloned()
    }

    /// All envelopes of an account, in no order.
    pub(super) fn envelopes(&self, account: Uuid) -> impl Iterator<Item = &Arc<Envelope>> {
        self.accounts.get(&account).into_iter().flat_map(|(_, holding)| holding.envelopes.values())
    }

    /// The envelope that was made under that transaction id.
    pub(super) fn by_transaction(&self, account: Uuid, transaction: &str) -> Option<Arc<Envelope>> {
        let (_, holding) = self.accounts.get(&account)?;
        holding.envelopes.get(holding.transactions.get(transaction)?).cloned()
    }

    pub(super) fn remember_transaction(&mut self, account: Uuid, transaction: String, envelope: Uuid) {
        if let Some((_, holding)) = self.accounts.get_mut(&account) {
            holding.transactions.insert(transaction, envelope);
        }
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
