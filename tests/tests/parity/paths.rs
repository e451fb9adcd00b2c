//! Odd paths and queries: judged raw, and alike.

use contacts_tests::client::Request;

use crate::support::{CONTACTS, anonymous, get, has_status, post, twins};

const PREFIXES: [&str; 4] = ["", "/v1/books", "/v1/books/default", CONTACTS];

/// What is put behind a path that is served. None of them is served with it.
const TAILS: &[&[u8]] = &[
    b"/",
    b"//",
    b"//x",
    b"/.",
    b"/./",
    b"/..",
    b"/../",
    b"/../health",
    b"/%2e",
    b"/%2e%2e",
    b"/%2E%2e/health",
    b"/.%2e/health",
    b"/a%2Fb",
    b"/a%2fb",
    b"/a%5Cb",
    b"/a\\b",
    b"\\",
    b"/%FF",
    b"/%C3",
    b"/%00",
    b"/%0a",
    b"/%7f",
    b"/%zz",
    b"/%",
    b"/%4",
    b"/J%C3%B6rg",
    "/Jörg".as_bytes(),
    "/日本".as_bytes(),
    b"/\xff",
    b"/\xc3",
    b"/a b",
    b"/a%20b",
    b"/a+b",
    b"/;a=b",
    b"/a:b@c",
    b"/|",
    b"/^",
    b"/{book}",
    b"/[1]",
    b"/~",
    b"/!$&'()*,",
    b"/<b>",
    b"/\"q\"",
    b"/`",
    b"/#fragment",
    b"/x#fragment",
    b"/\x01",
    b"/\x7f",
    b"/\t",
];

#[tokio::test]
async fn odd_paths_are_answered_alike() {
    let twins = twins().await;
    for prefix in PREFIXES {
        for tail in TAILS {
            let target = [prefix.as_bytes(), tail].concat();
            twins.same(Request::new("GET", &target)).await;
            twins
                .same(anonymous(Request::new("OPTIONS", &target)))
                .await;
        }
    }
    for target in [
        "*",
        ":99999",
        "health",
        "?q=1",
        "#",
        "http://contacts.example/health",
        "http://evil.example/v1/books",
        "//evil.example/health",
        "https://",
        "/HEALTH",
        "/Health",
        "/health;x",
        "/v1",
        "/v1/BOOKS",
        "/v1/books/default/contacts/batch",
        "/favicon.ico",
        "/.well-known/carddav",
    ] {
        twins.same(get(target)).await;
        twins.same(Request::new("OPTIONS", target)).await;
    }
}

#[tokio::test]
async fn long_targets_end_at_the_same_byte() {
    let twins = twins().await;
    for (length, status) in [(8_191, 404), (8_192, 404), (8_193, 414), (16_000, 414)] {
        let target = format!("/{}", "a".repeat(length - 1));
        has_status(&twins.same(get(&target)).await, status);
    }
    for length in [8_191, 8_192, 8_193, 16_000] {
        let target = format!("{CONTACTS}?q=");
        let target = format!("{target}{}", "a".repeat(length - target.len()));
        twins.same(get(&target)).await;
    }
    // Above 16 KB the load balancer answers itself.
    has_status(&twins.same(get(&"/a".repeat(20_000))).await, 414);
}

#[tokio::test]
async fn odd_queries_are_read_alike() {
    let twins = twins().await;
    twins.same(post(CONTACTS, &serde_json::json!(1))).await;
    let queries: &[&[u8]] = &[
        b"",
        b"a",
        b"a=",
        b"=",
        b"=a",
        b"&&",
        b"&a&&b&",
        b"q=a&",
        b"&q=a",
        b"q=a&=",
        b"q",
        b"q=",
        b"q=a=b",
        b"q=a&q=b",
        b"q=a&limit=1&q=b",
        b"limit=1&limit=1",
        b"limit=0",
        b"limit=501",
        b"limit=%31",
        b"l%69mit=1",
        b"limit=+1",
        b"limit= 1",
        b"limit=1%00",
        b"q=%zz",
        b"q=%",
        b"q=%FF",
        b"q=\xff",
        b"%FF=1",
        "q=Jörg".as_bytes(),
        b"q=J%C3%B6rg+x",
        b"q=a+b%2Bc%26d",
        b"q=a;b",
        b"q=<b>",
        b"q=\"b\"",
        b"q=`b`",
        b"q={b}",
        b"q=a'b",
        b"q=a|b\\c^d",
        b"q=a#b",
        b"q=?",
        b"?q=1",
        b"zz=1&aa=2&mm=3",
        b"cursor=nonsense",
        b"cursor=",
        b"cursor=AAAA&q=x",
        b"q=a%20b%20c%20d%20e%20f%20g%20h%20i",
        b"group=%F0%9F%98%80",
        b"q=\x01",
        b"q=\x7f",
        b"q=a\tb",
    ];
    for query in queries {
        for path in [
            CONTACTS,
            "/v1/books",
            "/v1/books/default/changes",
            "/docs",
            "/health",
        ] {
            let target = [path.as_bytes(), b"?", query].concat();
            twins.same(Request::new("GET", &target)).await;
        }
        let target = [CONTACTS.as_bytes(), b"?", query].concat();
        twins.same(Request::new("HEAD", &target)).await;
        twins.same(Request::new("PUT", &target)).await;
    }
    let many: String = (0..500).map(|number| format!("p{number}=x&")).collect();
    twins.same(get(&format!("/v1/books?{many}"))).await;
    twins
        .same(get(&format!("{CONTACTS}?q={}", "%FF".repeat(2_000))))
        .await;
}
