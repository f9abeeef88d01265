//! What controllers share: which of them has made which call, and who of them is there. In a store that all reach, or in
//! memory, where there is one alone.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use objects::{Created, Objects};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex as Turn, MutexGuard};

use crate::limits::{Announced, Ledger, Members, Share, TrunkLoad};

/// The folders of the store.
const CALLS: &str = "calls";
const CONTROLLERS: &str = "controllers";

/// How long the store may take, where somebody waits for it.
const WITHIN: Duration = Duration::from_secs(5);

/// What a call is known by that some controller has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Its name in the API of that controller.
    pub id: String,
    /// Where that API is.
    pub host: String,
    /// The platform's name.
    pub sid: String,
}

/// A call as the store has it.
#[derive(Debug, Serialize, Deserialize)]
struct Claimed {
    #[serde(flatten)]
    made: Made,
    /// The controller that makes it.
    by: String,
}

/// What controllers share.
pub struct Shared {
    /// None: this one is alone.
    objects: Option<Objects>,
    name: String,
    /// Where its API is.
    host: String,
    interval: Duration,
    members: Mutex<Members>,
    ledger: Mutex<Ledger>,
    /// Calls are made one after the other that have the same name, and a few others with them.
    turns: Vec<Turn<()>>,
    /// Names of calls that were not made, while nobody knows whether the store has this controller's claim.
    unsure: Mutex<HashSet<String>>,
}

/// How many calls of different names are made at once, at most.
const TURNS: usize = 256;

impl Shared {
    /// For a controller of this name, which must be no other's and need not be the same again. Its API is at `host`, where
    /// its predecessor's was and its successor's will be.
    pub fn new(objects: Option<Objects>, name: String, host: String, interval: Duration) -> Self {
        let members = Mutex::new(Members::new(name.clone(), interval));
        let turns = (0..TURNS).map(|_| Turn::new(())).collect();
        let (ledger, unsure) = (Mutex::default(), Mutex::default());
        Shared { objects, name, host, interval, members, ledger, turns, unsure }
    }

    /// Waits until nobody else here makes a call of this name; until the guard is dropped, nobody does.
    pub async fn turn(&self, sid: &str) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        sid.hash(&mut hasher);
        let index = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default();
        Some(self.turns.get(index)?.lock().await)
    }

    /// Makes a call this controller's own, unless it was somebody's before: of all that try, one has it. Else what it was
    /// made as. The error says why nobody knows. To be asked by whoever has the [`Shared::turn`], and by nobody of
    /// whose call memory knows.
    pub async fn claim(&self, made: &Made) -> Result<Option<Made>, String> {
        let claimed = self.try_claim(made).await;
        if claimed.is_err() {
            self.unsure().insert(made.sid.clone());
        }
        claimed
    }

    async fn try_claim(&self, made: &Made) -> Result<Option<Made>, String> {
        let Some(objects) = &self.objects else { return Ok(None) };
        let key = key(&made.sid);
        let claimed = Claimed { made: made.clone(), by: self.name.clone() };
        let text = serde_json::to_vec(&claimed).map_err(|error| error.to_string())?;
        let created = tokio::time::timeout(WITHIN, objects.create(&key, text.clone())).await;
        let created = created.map_err(|_| format!("expected an answer within {WITHIN:?}, found none"))?;
        let created = created.map_err(|error| error.to_string())?;
        let Created::There(there) = created else { return Ok(None) };
        let there: Claimed = serde_json::from_slice(&there).map_err(|error| format!("{key}: {error}"))?;
        // What came there by a try within this one, of which the store's answer was lost.
        if there.made == *made {
            return Ok(None);
        }
        // Our own of an earlier try counts as long as a call may have come of it.
        if there.by != self.name || !self.unsure().contains(&made.sid) {
            return Ok(Some(there.made));
        }
        objects.put(&key, text).await.map_err(|error| error.to_string())?;
        self.unsure().remove(&made.sid);
        Ok(None)
    }

    fn unsure(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody knows whether a claim came to the store, and no call was made: it is taken back, should it be there a little
    /// later, so that somebody may try again.
    pub async fn undo(&self, made: &Made) {
        let Some(objects) = &self.objects else { return };
        tokio::time::sleep(WITHIN).await;
        let _turn = self.turn(&made.sid).await;
        let Ok(there) = objects.get(&key(&made.sid)).await else { return };
        let there = there.and_then(|text| serde_json::from_slice::<Claimed>(&text).ok());
        if there.is_some_and(|there| there.by == self.name && there.made == *made) {
            self.give_back(&made.sid).await;
        }
        self.unsure().remove(&made.sid);
    }

    /// A call was not made after all: somebody may try again.
    pub async fn give_back(&self, sid: &str) {
        let Some(objects) = &self.objects else { return };
        if let Err(error) = objects.delete(&key(sid)).await {
            tracing::error!(call = sid, %error, "a call that was not made cannot be made by others either");
        }
    }

    /// This controller's part of what all have. None while the others may not count with it.
    pub fn share(&self) -> Option<Share> {
        match &self.objects {
            Some(_) => self.members().share(Instant::now()),
            None => Some(Share::WHOLE),
        }
    }

    /// How many calls at once of this many this controller may have by a trunk.
    pub fn may_have(&self, host: &str, most: u32, share: Share) -> u32 {
        match &self.objects {
            Some(_) => self.ledger().may_have(host, most, share),
            None => most,
        }
    }

    /// How many calls of this many this controller may begin in a second now.
    pub fn may_begin(&self, most: u32) -> u32 {
        match &self.objects {
            Some(_) => self.members().part_of_second(most, Instant::now()).unwrap_or_default(),
            None => most,
        }
    }

    fn members(&self) -> std::sync::MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says every now and then that this controller is there and what it may have of trunks, and looks who else is; for ever.
    pub async fn attend(&self, trunks: impl Fn() -> Vec<TrunkLoad>) {
        let Some(objects) = &self.objects else { return };
        loop {
            if let Err(error) = self.attend_once(objects, &trunks()).await {
                tracing::warn!(%error, "the shared store is away");
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn attend_once(&self, objects: &Objects, trunks: &[TrunkLoad]) -> Result<(), objects::Error> {
        // What comes later than this was not known by then.
        let now = Instant::now();
        let own = self.ledger().next(trunks, self.share());
        let announced = Announced { host: self.host.clone(), trunks: own.clone() };
        let text = serde_json::to_vec(&announced).unwrap_or_default();
        objects.put(&format!("{CONTROLLERS}/{}", self.name), text).await?;
        self.ledger().announced(own);
        let mut listed = objects.list(CONTROLLERS).await?;
        let mut others = Vec::new();
        for (name, _) in listed.iter().filter(|(name, _)| *name != self.name) {
            let text = objects.get(&format!("{CONTROLLERS}/{name}")).await?.unwrap_or_default();
            // One of an earlier version announces nothing.
            let announced: Announced = serde_json::from_slice(&text).unwrap_or_default();
            others.push((name.clone(), announced));
        }
        let (before, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(_, said)| said.host == self.host);
        listed.retain(|(name, _)| before.iter().all(|(dead, _)| dead != name));
        let (mut gone, others) = {
            let mut members = self.members();
            let gone = members.seen(&listed, now);
            let others = others.into_iter().filter(|(name, _)| !gone.contains(name));
            let others: Vec<_> = others.map(|(name, said)| (members.place_of(&name), said.trunks)).collect();
            (gone, others)
        };
        self.ledger().seen(others);
        // The calls of the process before this one are this one's.
        gone.extend(before.into_iter().map(|(name, _)| name));
        for name in gone {
            objects.delete(&format!("{CONTROLLERS}/{name}")).await?;
        }
        Ok(())
    }

    /// This controller takes no new calls any more: its part is for others.
    pub async fn leave(&self) {
        let Some(objects) = &self.objects else { return };
        let _ = objects.delete(&format!("{CONTROLLERS}/{}", self.name)).await;
    }
}

fn key(sid: &str) -> String {
    format!("{CALLS}/{sid}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(id: &str) -> Made {
        Made { id: id.to_owned(), host: "10.0.0.1:8081".to_owned(), sid: "CA1".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_one_controllers_until_it_gives_it_back() {
        let objects = Objects::memory();
        let of = |name: &str| {
            Shared::new(Some(objects.clone()), name.to_owned(), name.to_owned(), Duration::from_secs(1))
        };
        let (one, other) = (of("one"), of("other"));
        assert_eq!(one.claim(&made("a")).await, Ok(None));
        assert_eq!(other.claim(&made("b")).await, Ok(Some(made("a"))));
        assert_eq!(one.claim(&made("a")).await, Ok(None), "the same claim again");
        assert_eq!(one.claim(&made("c")).await, Ok(Some(made("a"))), "memory may have lost what came of it");
        // Its own claim, of which it did not hear.
        one.unsure().insert("CA1".to_owned());
        assert_eq!(one.claim(&made("c")).await, Ok(None));
        assert_eq!(one.claim(&made("d")).await, Ok(Some(made("c"))));
        assert_eq!(other.claim(&made("b")).await, Ok(Some(made("c"))));
        one.undo(&made("a")).await;
        assert_eq!(other.claim(&made("b")).await, Ok(Some(made("c"))), "not the claim that was not heard of");
        other.undo(&made("c")).await;
        assert_eq!(other.claim(&made("b")).await, Ok(Some(made("c"))), "not another's claim");
        one.undo(&made("c")).await;
        assert_eq!(one.claim(&made("c")).await, Ok(None));
        one.give_back("CA1").await;
        assert_eq!(other.claim(&made("b")).await, Ok(None));
    }

    #[tokio::test]
    async fn who_comes_has_what_the_others_leave_and_who_comes_again_what_it_had() {
        let (objects, interval) = (Objects::memory(), Duration::from_millis(100));
        let of = |name: &str, host: &str| {
            Shared::new(Some(objects.clone()), name.to_owned(), host.to_owned(), interval)
        };
        let trunk = |calls| vec![TrunkLoad { host: "t".to_owned(), most: 10, calls }];
        let may = |shared: &Shared| shared.share().map_or(0, |share| shared.may_have("t", 10, share));
        let (one, other) = (of("1", "a"), of("2", "b"));
        for _ in 0..4 {
            one.attend_once(&objects, &trunk(0)).await.unwrap();
            tokio::time::sleep(interval).await;
        }
        assert_eq!(may(&one), 10);
        // It has nine calls, which its part is less than from now on.
        for _ in 0..4 {
            other.attend_once(&objects, &trunk(0)).await.unwrap();
            one.attend_once(&objects, &trunk(9)).await.unwrap();
            tokio::time::sleep(interval).await;
        }
        other.attend_once(&objects, &trunk(0)).await.unwrap();
        assert_eq!((may(&one), may(&other)), (5, 1));
        // It is killed, and what comes after it has its calls.
        let again = of("3", "a");
        again.attend_once(&objects, &trunk(9)).await.unwrap();
        other.attend_once(&objects, &trunk(0)).await.unwrap();
        assert_eq!((may(&again), may(&other)), (0, 1));
        let names: Vec<_> =
            objects.list(CONTROLLERS).await.unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }
}
