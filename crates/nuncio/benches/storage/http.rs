//! A client that costs as little as it can: one connection, one call at a time.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

pub(crate) struct Connection(BufReader<TcpStream>);

/// A call of this method, in JSON-RPC.
pub(crate) fn call(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

/// The parameters that send this text.
pub(crate) fn message(id: &str, text: &str) -> Value {
    json!({"message": {"messageId": id, "role": "ROLE_USER", "parts": [{"text": text}]}})
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self(BufReader::with_capacity(1 << 16, socket))
    }

    /// The result of a call.
    pub(crate) async fn result(&mut self, method: &str, params: &Value) -> Value {
        let mut answer = String::new();
        self.post(&call(method, params), |piece| answer.push_str(piece)).await;
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].take()
    }

    /// Posts a call and takes the answer piece by piece, as it comes.
    pub(crate) async fn post(&mut self, call: &str, mut take: impl FnMut(&str)) {
        let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nA2A-Version: 1.0\r\n";
        let request = format!("{head}Content-Length: {}\r\n\r\n{call}", call.len());
        self.0.write_all(request.as_bytes()).await.unwrap();
        let status = self.line().await;
        assert!(status.starts_with("HTTP/1.1 200"), "{status}");
        let mut length = None;
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse().unwrap());
            }
        }
        if let Some(length) = length {
            return self.body(length, &mut take).await;
        }
        loop {
            let length = usize::from_str_radix(&self.line().await, 16).unwrap();
            self.body(length, &mut take).await;
            self.line().await;
            if length == 0 {
                return;
            }
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).await.unwrap() > 0, "the server has closed the connection");
        line.truncate(line.trim_end().len());
        line
    }

    async fn body(&mut self, mut length: usize, take: &mut impl FnMut(&str)) {
        while length > 0 {
            let there = self.0.fill_buf().await.unwrap();
            assert!(!there.is_empty(), "the server has closed the connection");
            let piece = &there[..length.min(there.len())];
            // What these agents say is ASCII.
            take(std::str::from_utf8(piece).unwrap());
            let taken = piece.len();
            self.0.consume(taken);
            length -= taken;
        }
    }
}
