//! Networks: made anew only while nothing is attached to them.

use crate::docker::{Engine, NetworkInfo};
use crate::quadlet::spec::Network;

use super::resource::{Made, Occasion, file_name};
use super::{Failure, Job, difference, label, remembered};

/// Makes the network, or finds out in what the one that is there differs from the file.
pub async fn make(job: &Job, engine: &Engine, spec: &Network, occasion: Occasion) -> Result<Made, Failure> {
    let name = &spec.create.name;
    let allowed = (occasion == Occasion::Start).then(|| remembered::take_recreation(&job.spec)).flatten();
    if let Some(found) = engine.network(name).await? {
        let attached = attached(&found);
        if allowed.is_none() {
            let is_ours = label::is_ours(found.labels.as_ref(), &job.spec);
            let differences = match label::is_of_this_version(found.labels.as_ref(), &job.spec) {
                true => Vec::new(),
                false => difference::of_network(&spec.create, &found),
            };
            if differences.is_empty() {
                let whose = if is_ours { "" } else { "; sculler did not make it" };
                return Ok(Made::as_wanted(format!("Network {name} is there{whose}")));
            }
            if !is_ours || !attached.is_empty() {
                return Ok(Made::otherwise(kept(job, name, is_ours, &attached, &differences)));
            }
            tracing::info!("making network {name} anew, which nothing is attached to ({})", differences.join("; "));
        } else if !attached.is_empty() {
            return Err(Failure(format!(
                "The network {name} cannot be made anew, since {0} is attached to it; stop that first, as by 'docker \
                 network disconnect -f {name} {1}'",
                attached.join(", "),
                attached.first().map(String::as_str).unwrap_or_default()
            )));
        }
        engine.remove_network(name).await?;
    }
    let mut body = spec.create.clone();
    body.labels.extend(label::of(&job.spec));
    engine.create_network(&body).await?;
    Ok(Made::as_wanted(format!("Network {name} was made")))
}

/// Removes the network, if it is ours and nothing is attached to it.
pub async fn remove(job: &Job, engine: &Engine, spec: &Network) -> Result<(), Failure> {
    let name = &spec.create.name;
    let Some(found) = engine.network(name).await? else { return Ok(()) };
    if !label::is_ours(found.labels.as_ref(), &job.spec) {
        tracing::info!("network {name} stays: sculler did not make it");
        return Ok(());
    }
    let attached = attached(&found);
    if !attached.is_empty() {
        let attached = attached.join(", ");
        tracing::warn!(
            "network {name} stays, since {attached} is attached to it; 'docker network rm {name}' removes it"
        );
        return Ok(());
    }
    engine.remove_network(name).await?;
    tracing::info!("removed network {name}");
    Ok(())
}

/// The names of the containers that are attached.
pub fn attached(network: &NetworkInfo) -> Vec<String> {
    network.containers.iter().flatten().map(|(_, container)| container.name.clone()).collect()
}

fn kept(job: &Job, name: &str, is_ours: bool, attached: &[String], differences: &[String]) -> String {
    let differences = differences.join("; ");
    let why = match is_ours {
        true => format!("is kept as it was, since {} is attached to it", attached.join(", ")),
        false => "is used as it is, since sculler did not make it".to_owned(),
    };
    format!(
        "The network {name} {why} ({differences}); 'sculler recreate {}' stops what is attached, makes it as the file \
         says, and starts it again",
        file_name(job)
    )
}
