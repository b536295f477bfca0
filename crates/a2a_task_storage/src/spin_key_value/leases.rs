//! Which replica runs which task.

use std::time::{Duration, SystemTime};

use a2a_app_ports::{Lease, ReplicaId, Revision, Scope, StorageError, Taken, TaskId};
use a2a_protocol_core::Timestamp;
use futures::try_join;

use super::{
    KeyValueStorage,
    pairs::{self, Pairs},
    records::{Head, Held, Row},
};
use crate::archive::lines::Hex;

/// Now, in milliseconds since 1970: the store has no clock of its own.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn in_time(time: Duration) -> u64 {
    now().saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

impl<P: Pairs> KeyValueStorage<P> {
    pub(super) async fn join_now(&self, replica: ReplicaId, time: Duration) -> Result<(), StorageError> {
        let _one = self.writing.lock().await;
        self.write(&pairs::replica(replica), &in_time(time)).await?;
        let mut known = self.replicas().await?;
        if known.contains(&replica.into()) {
            return Ok(());
        }
        known.push(replica.into());
        self.write(pairs::REPLICAS, &known).await
    }

    pub(super) async fn renew_now(&self, replica: ReplicaId, time: Duration) -> Result<bool, StorageError> {
        // Nobody leaves between the look and the write, which would bring it back.
        let _one = self.writing.lock().await;
        let there = self.is_present(replica).await?;
        if there {
            self.write(&pairs::replica(replica), &in_time(time)).await?;
        }
        Ok(there)
    }

    pub(super) async fn leave_now(&self, replica: ReplicaId) -> Result<(), StorageError> {
        let _one = self.writing.lock().await;
        self.pairs.delete(&pairs::replica(replica)).await?;
        let (mut known, left) = (self.replicas().await?, Hex::from(replica));
        if !known.contains(&left) {
            return Ok(());
        }
        known.retain(|known| *known != left);
        self.write(pairs::REPLICAS, &known).await
    }

    pub(super) async fn is_present(&self, replica: ReplicaId) -> Result<bool, StorageError> {
        Ok(self.read::<u64>(&pairs::replica(replica)).await?.is_some_and(|expires| expires > now()))
    }

    /// The replicas that may be there. The list only serves to forget them: whether one is there, its own
    /// value says.
    pub(super) async fn replicas(&self) -> Result<Vec<Hex<16>>, StorageError> {
        Ok(self.read(pairs::REPLICAS).await?.unwrap_or_default())
    }

    /// Forgets the replicas that are lost or have left.
    pub(super) async fn forget_lost(&self) -> Result<(), StorageError> {
        let _one = self.writing.lock().await;
        let known = self.replicas().await?;
        let keys: Vec<_> = known.iter().map(|known| pairs::replica((*known).into())).collect();
        let expires = self.read_all::<u64>(&keys).await?;
        let (now, many) = (now(), known.len());
        let (mut present, mut lost) = (Vec::new(), Vec::new());
        for ((replica, key), expires) in known.into_iter().zip(keys).zip(expires) {
            match expires {
                Some(expires) if expires > now => present.push(replica),
                Some(_) => lost.push(key),
                None => {}
            }
        }
        self.erase_all(&lost).await?;
        if present.len() == many { Ok(()) } else { self.write(pairs::REPLICAS, &present).await }
    }

    pub(super) async fn take_now(&self, scope: &Scope, id: TaskId, replica: ReplicaId) -> Result<Taken, StorageError> {
        let _one = self.writing.lock().await;
        if !self.is_present(replica).await? {
            return Err(StorageError::Fenced);
        }
        let (head, held) = try_join!(self.head_of(scope, id), self.held(id))?;
        if head.is_none_or(|head| head.has_ended()) {
            return Ok(Taken::Over);
        }
        if let Some(lease) = held.lease()
            && self.is_present(lease.replica).await?
        {
            return Ok(Taken::By(lease));
        }
        let lease = held.next(replica);
        self.write(&pairs::lease(id), &Held::by(lease)).await?;
        // Whoever runs it anew has read its log; what was written before does not count.
        self.folds.forget(id);
        match self.held(id).await?.lease() {
            Some(other) if other != lease && other.fence >= lease.fence => Ok(Taken::By(other)),
            _ => Ok(Taken::Lease { lease, orphaned: held.lease().is_some() }),
        }
    }

    pub(super) async fn release_now(
        &self,
        scope: &Scope,
        id: TaskId,
        lease: Lease,
        seen: Revision,
    ) -> Result<bool, StorageError> {
        let _one = self.writing.lock().await;
        let (head, held) = try_join!(self.head_of(scope, id), self.held(id))?;
        let Some(head) = head.filter(|head| !head.has_ended() && held.lease() == Some(lease)) else { return Ok(true) };
        if head.revision > seen {
            return Ok(false);
        }
        self.write(&pairs::lease(id), &held.given_back(head.revision)).await?;
        Ok(true)
    }

    /// In the order of ids.
    pub(super) async fn orphans_now(
        &self,
        agent: &str,
        after: Option<TaskId>,
        limit: usize,
    ) -> Result<Vec<(Scope, TaskId)>, StorageError> {
        let mut found = Vec::new();
        let agent = pairs::digest(agent);
        let is_next = |id: TaskId, row: &Row| {
            row.agent == agent && !row.state.is_terminal() && after.is_none_or(|after| id > after)
        };
        for (id, _) in self.rows().await?.into_iter().filter(|(id, row)| is_next(*id, row)) {
            if found.len() >= limit {
                break;
            }
            let Some((head, held)) = self.running(id).await? else { continue };
            let orphaned = match held.lease() {
                Some(lease) => !self.is_present(lease.replica).await?,
                None => head.revision > held.seen,
            };
            if orphaned {
                found.push((head.scope(), id));
            }
        }
        Ok(found)
    }

    pub(super) async fn paused_now(
        &self,
        agent: &str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Scope, TaskId)>, StorageError> {
        let agent = pairs::digest(agent);
        let mut rows: Vec<_> = self.rows().await?.into_iter().collect();
        rows.retain(|(_, row)| row.agent == agent && row.state.is_interrupted() && row.time < before);
        rows.sort_unstable_by_key(|(id, row)| (row.time, *id));
        let mut found = Vec::new();
        for (id, _) in rows {
            if found.len() >= limit {
                break;
            }
            let Some((head, held)) = self.running(id).await? else { continue };
            let rests = held.lease().is_none() && head.revision == held.seen;
            if rests && head.state.is_interrupted() && head.time < before {
                found.push((head.scope(), id));
            }
        }
        Ok(found)
    }

    /// A task that has not ended, and its lease. One that has although the index does not know is put
    /// right there.
    async fn running(&self, id: TaskId) -> Result<Option<(Head, Held)>, StorageError> {
        let (head, held) = try_join!(self.head(id), self.held(id))?;
        match head {
            Some(head) if head.has_ended() => self.heal(id).await.map(|()| None),
            head => Ok(head.map(|head| (head, held))),
        }
    }
}
