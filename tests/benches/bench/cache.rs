//! What the shared cache and the rate limits add to a request.

use anyhow::Result;
use contacts_tests::redis::Redis;

use crate::{
    artifacts::Artifacts,
    report::{Table, ms},
    site::{Api, Site},
    stats::Samples,
};

/// As high as it can be set: it counts every request and refuses none.
const LIMIT: &str = "10000";

/// Measures so many reads, one after the other, in turn by each.
pub(crate) async fn measure(artifacts: &Artifacts, site: &Site, requests: usize) -> Result<Table> {
    let redis = Redis::start().await?;
    let url = redis.url();
    let settings: [(&str, &[(&str, &str)]); 3] = [
        ("neither", &[]),
        ("limits in the process", &[("CONTACTS_RATE_LIMIT", LIMIT)]),
        (
            "limits and look-ups in a shared cache",
            &[("CONTACTS_RATE_LIMIT", LIMIT), ("CONTACTS_CACHE_URL", &url)],
        ),
    ];
    let mut runs = Vec::new();
    for (name, own) in settings {
        let mut environment = site.database.environment();
        environment.retain(|(name, _)| !own.iter().any(|(own, _)| own == name));
        let own = own
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        environment.extend(own);
        let api = Api::start(&artifacts.container, &environment).await?;
        api.send(site.read(0)).await?;
        runs.push((name, api, Samples::default()));
    }
    for turn in 0..requests {
        for (_, api, samples) in &mut runs {
            samples.push(api.timed(site.read(turn)).await?.1);
        }
    }
    let note = format!(
        "`GET` of a contact over one connection, {requests} by each in turn; the cache is a \
         `redis-server` on this machine."
    );
    let mut table = Table::new("Cache and rate limits", &note, ["with", "p50 / p99"]);
    for (name, _, samples) in &runs {
        table.row([
            (*name).to_owned(),
            format!("{} / {}", ms(samples.median()), ms(samples.p99())),
        ]);
    }
    Ok(table)
}
