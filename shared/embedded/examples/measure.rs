//! scratch
use contacts_embedded::Engine;
use aws_sdk_dynamodb::types::AttributeValue;
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let engine = Engine::open(std::path::Path::new(&dir)).unwrap();
    let c = engine.client();
    use aws_sdk_dynamodb::types::*;
    let _ = c.create_table().table_name("t").billing_mode(BillingMode::PayPerRequest)
      .key_schema(KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap())
      .attribute_definitions(AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S).build().unwrap()).send().await;
    for i in 0..200 { c.put_item().table_name("t").item("pk", AttributeValue::S(i.to_string())).item("v", AttributeValue::S("x".repeat(500))).send().await.unwrap(); }
    for conc in [1usize, 16, 64] {
      for _ in 0..2 {
        let n = 4000;
        let t = std::time::Instant::now();
        let hs: Vec<_> = (0..conc).map(|k| { let c=c.clone(); tokio::spawn(async move { for i in 0..n/conc { c.get_item().table_name("t").key("pk", AttributeValue::S(((i+k)%200).to_string())).send().await.unwrap(); } }) }).collect();
        for h in hs { h.await.unwrap(); }
        let e = t.elapsed();
        println!("conc {conc}: {:?}/op", e/(n as u32));
      }
    }
    let t = std::time::Instant::now();
    for i in 0..300 { c.put_item().table_name("t").item("pk", AttributeValue::S(i.to_string())).send().await.unwrap(); }
    println!("put {:?}/op", t.elapsed()/300);
    println!("{}", std::fs::read_to_string("/proc/self/status").unwrap().lines().filter(|l| l.starts_with("VmRSS")||l.starts_with("Threads")).collect::<Vec<_>>().join(" "));
}
