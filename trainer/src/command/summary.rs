use std::error::Error;

use recist::image::PATCH_SIZE;
use recist_trainer::graph;
use recist_trainer::network::Network;

use super::Run;

/// Print both networks layer by layer: output shape, parameters, multiply-accumulates.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "summary")]
pub(crate) struct Summary {
    /// a preset (paper, edge) or a network file
    #[argh(positional)]
    network: String,
}

impl Run for Summary {
    fn run(self) -> Result<(), Box<dyn Error>> {
        let network = Network::open(&self.network)?;
        let [localization, hourglass] = network.graphs(PATCH_SIZE)?.map(|graph| graph::Summary::of(&graph));
        let text = format!(
            "{} localization\n{localization}\n\n{} hourglass\n{hourglass}\n",
            network.name, network.name
        );
        super::say(&text)
    }
}
