//! Arguments → config → server → exit code.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
