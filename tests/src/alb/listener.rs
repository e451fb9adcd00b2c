//! The load balancer as a real listener, for browsers and load generators.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{Alb, Arrival, answer};
use crate::client::{Connection, Inbound};

/// A running listener on loopback; it ends, and its connections with it, when this is dropped.
#[derive(Debug)]
pub struct Listener {
    /// Where it listens.
    pub address: SocketAddr,
    _server: JoinSet<()>,
}

impl Alb {
    /// Starts to listen on a free loopback port, for plain HTTP.
    ///
    /// # Errors
    /// If no port can be had.
    pub async fn listen(&self) -> std::io::Result<Listener> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let alb = self.clone();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, peer)) = listener.accept().await {
                let arrival = Arrival {
                    client: peer.ip(),
                    proto: "http",
                    port: address.port(),
                };
                connections.spawn(alb.clone().serve(stream, arrival));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Listener {
            address,
            _server: server,
        })
    }

    async fn serve(self, stream: TcpStream, arrival: Arrival) {
        // Without it, small answers on kept connections wait for delayed acknowledgements.
        let _ = stream.set_nodelay(true);
        let mut connection = Connection::new(stream);
        loop {
            let (response, is_head, keep) = match connection.read_request().await {
                Inbound::Closed => return,
                Inbound::Malformed => (answer::own(400), false, false),
                Inbound::Request(request, keep) => {
                    let is_head = request.method == "HEAD";
                    (self.send_from(request, arrival).await, is_head, keep)
                }
            };
            let written = connection.write_response(&response, is_head, keep).await;
            if written.is_err() || !keep {
                return;
            }
        }
    }
}
