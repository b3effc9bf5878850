//! The plugin outside of its sandbox: what `phagen plugin bench` compares it with.

fn main() -> std::process::ExitCode {
    phagen_sdk::testing::bench::<{{crate}}::MyReranker>()
}
