//! A door: an address behind which one or several others are, and which can be shut.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

use crate::dice::Dice;

/// How much gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    Open,
    /// Nothing, until it is open again; then what was held up does.
    Held,
    /// Nothing, and whoever was connected is no more.
    Shut,
}

pub(crate) struct Door {
    address: SocketAddr,
    /// Where it leads, by name: each new connection to one of them.
    behind: Arc<Mutex<Vec<(String, SocketAddr)>>>,
    passage: watch::Sender<Passage>,
    listens: JoinHandle<()>,
}

impl Door {
    pub(crate) async fn new(dice: Dice) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let behind = Arc::<Mutex<Vec<(String, SocketAddr)>>>::default();
        let (passage, at) = watch::channel(Passage::Open);
        let places = behind.clone();
        let listens = tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let place = {
                    let places = places.lock().unwrap();
                    (!places.is_empty()).then(|| places[dice.roll(places.len())].1)
                };
                if let Some(place) = place {
                    tokio::spawn(connect(caller, place, at.clone()));
                }
            }
        });
        Arc::new(Self { address, behind, passage, listens })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads to this place by this name, or to none of this name any more.
    pub(crate) fn lead(&self, name: &str, place: Option<SocketAddr>) {
        let mut behind = self.behind.lock().unwrap();
        behind.retain(|(known, _)| known != name);
        behind.extend(place.map(|place| (name.to_owned(), place)));
    }

    pub(crate) fn leads_to(&self, name: &str) -> bool {
        self.behind.lock().unwrap().iter().any(|(known, _)| known == name)
    }

    pub(crate) fn set(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.listens.abort();
    }
}

async fn connect(caller: TcpStream, place: SocketAddr, passage: watch::Receiver<Passage>) {
    let Ok(called) = TcpStream::connect(place).await else { return };
    let ((caller_in, caller_out), (called_in, called_out)) = (caller.into_split(), called.into_split());
    let both = async {
        // Whichever side ends first ends the other.
        tokio::select! {
            () = pass(caller_in, called_out, passage.clone()) => {}
            () = pass(called_in, caller_out, passage.clone()) => {}
        }
    };
    let mut shut = passage.clone();
    tokio::select! {
        () = both => {}
        _ = shut.wait_for(|passage| *passage == Passage::Shut) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut passage: watch::Receiver<Passage>) {
    let mut buffer = vec![0; 16 << 10];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        if passage.wait_for(|passage| *passage == Passage::Open).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
