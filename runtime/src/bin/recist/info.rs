use recist::cascade::Workspace;
use recist::ffi::RecistModel;

use crate::arguments::Info;
use crate::error::Error;
use crate::model::Model;
use crate::{VERSION, say};

pub(crate) fn run(arguments: &Info) -> Result<(), Error> {
    let model = Model::open(arguments.model.as_deref())?;
    let bundle = model.bundle();
    let mut text: String =
        bundle.manifest().entries().map(|(key, value)| format!("{key}: {value}\n")).collect();
    let workspace_bytes = model.plans().workspace_bytes() + size_of::<Workspace>();
    text += &format!(
        "sha256: {}\nbundle_bytes: {}\nworkspace_bytes: {workspace_bytes}\nc_library_bytes: {}\nengine: {}\n\
         program: recist {VERSION}",
        model.name().sha256_hex(),
        model.bytes(),
        RecistModel::bytes(&model.plans()),
        model.engine()
    );
    say(text)
}
