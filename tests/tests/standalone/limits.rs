//! Rate limits without a load balancer in front.

use contacts_tests::client::{Client, Request};
use contacts_tests::process::Server;
use tempfile::TempDir;

use crate::support::{TOKEN, binary, environment};

#[tokio::test]
async fn who_invents_addresses_is_still_counted_as_one() {
    let folder = TempDir::new().unwrap();
    let settings = [("CONTACTS_TOKEN", TOKEN), ("CONTACTS_RATE_LIMIT", "1")];
    let environment = environment(&folder.path().join("data"), &settings);
    let server = Server::start(binary(), &environment).await.unwrap();
    let client = Client::new(server.address);
    let mut refused = 0;
    for number in 0..40 {
        let request = Request::new("GET", "/v1/books");
        let request = request.header("x-forwarded-for", format!("198.51.100.{number}"));
        refused += usize::from(client.send(&request).await.unwrap().status == 429);
    }
    assert!(refused > 20, "{refused}");
}
