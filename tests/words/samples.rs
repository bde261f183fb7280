use countersign::base::AccountId;
use countersign::connect::parse_bytes;
use countersign::signing::map::observe;
#[test]
fn dump() {
    for f in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/samples/connect")).unwrap() {
        let p = f.unwrap().path();
        let b = std::fs::read(&p).unwrap();
        println!("{p:?}\n{:#?}", parse_bytes(&b, None).map(|e| observe(&e, AccountId::new("a"))));
    }
}
