//! The manifests in `k8s/`, the image and the release script, held against the code they are for: a
//! setting, a probe, a port or a metric that they name exists, and what a cluster would refuse is
//! refused here. Nothing is applied to a cluster, and no image is built.

#[path = "../common/schema.rs"]
mod schema;

mod cluster;
mod compose;
mod crd;
mod image;
mod metrics;
mod network;
mod phagen;
mod pods;
mod probes;
mod queue;
mod readme;
mod release;
mod repository;
mod schemas;
mod secrets;
mod servers;
mod wiring;
