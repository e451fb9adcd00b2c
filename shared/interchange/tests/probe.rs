use contacts_interchange::*;
#[test]
fn probe() {
    for dir in ["tests/data", "../../../shared/data/vcards"] {
        for f in std::fs::read_dir(dir).unwrap() {
            let p = f.unwrap().path();
            if p.extension().is_none_or(|e| e != "vcf") {
                continue;
            }
            let b = std::fs::read(&p).unwrap();
            println!("=== {}", p.display());
            for c in split(&b).unwrap() {
                match import(c, "urn:uuid:0") {
                    Ok(i) => {
                        let cut = |s: String| {
                            s.split('\n')
                                .map(|l| l.chars().take(180).collect::<String>())
                                .collect::<Vec<_>>()
                                .join("\n")
                        };
                        for (k, v) in i.card.as_map() {
                            if k == "vCardProps" {
                                for e in v.as_array().unwrap() {
                                    println!("   P {}", cut(e.to_string()))
                                }
                            } else {
                                println!("  {k}: {}", cut(v.to_string()))
                            }
                        }
                    }
                    Err(e) => println!("  ERR {e} {e:?}"),
                }
                if std::env::var("ALL").is_err() {
                    break;
                }
            }
        }
    }
}
