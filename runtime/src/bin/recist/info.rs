use recist::cascade::Workspace;

use crate::arguments::Info;
use crate::error::Error;
use crate::model::Model;

pub(crate) fn run(arguments: &Info) -> Result<(), Error> {
    let model = Model::open(arguments.model.as_deref())?;
    let bundle = model.bundle();
    for (key, value) in bundle.manifest().entries() {
        println!("{key}: {value}");
    }
    println!("sha256: {}", model.name().sha256_hex());
    let plans = model.plans();
    println!("bundle_bytes: {}", model.bytes());
    println!("workspace_bytes: {}", plans.workspace_bytes() + size_of::<Workspace>());
    println!("engine: {}", model.engine());
    Ok(())
}
