//! The whole command line: each option's effect, error text and exit code.

use super::*;

#[test]
fn an_empty_command_line_is_valid() {
    let Ok(Invocation::Run(config)) = invocation(&["slabd".into()]) else { panic!("not run") };
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}
