//! The rules of the tree that no compiler and no lint checks. Each is a function from the tree to the violations, and
//! each has a test that plants one. `cargo xtask test` runs them all.

use std::path::Path;

mod clippy;
mod clock;
mod code;
mod cycles;
mod defects;
mod dependencies;
mod documents;
mod edges;
mod module_tree;
mod names;
mod phrases;
mod prose;
mod purity;
mod snapshots;
mod testing;
mod tree;
mod violation;

use tree::Tree;
use violation::Violation;

type Rule = fn(&Tree) -> Vec<Violation>;

const RULES: [Rule; 21] = [
    dependencies::crates_depend_as_designed,
    dependencies::domain_depends_on_no_std_crates_only,
    edges::one_folder_calls_the_store,
    edges::only_the_store_knows_sql,
    cycles::no_files_name_each_other_in_a_cycle,
    purity::domain_is_no_std,
    purity::protocol_does_no_io,
    names::files_and_types_say_what_they_are,
    names::no_float_near_money,
    names::nothing_is_left_undone,
    clock::one_crate_reads_the_clock_and_draws_entropy,
    clippy::crates_repeat_the_shared_bans,
    documents::files_open_with_their_purpose_and_stay_short,
    documents::the_tree_names_no_machine_and_lists_its_choices,
    documents::documents_name_what_is_there,
    documents::promises_are_as_the_page_says,
    defects::each_defect_still_applies,
    testing::each_crate_links_one_test_program,
    testing::tests_that_let_real_time_pass_are_listed,
    snapshots::long_snapshots_have_headings,
    phrases::sentences_have_no_banned_phrase,
];

/// Every rule, over the whole tree.
///
/// # Errors
/// A line for each place that breaks a rule, or the reason why the tree cannot be read.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::load(root)?;
    crate::findings::none(RULES.iter().flat_map(|rule| rule(&tree)).collect())
}

/// Draws comments, log lines and error messages by a seed, for somebody to read them as an editor
/// would.
///
/// # Errors
/// The tree cannot be read.
pub(crate) fn draw_prose(root: &Path, seed: &str) -> Result<(), String> {
    println!("{}", prose::draw(&Tree::load(root)?, seed));
    Ok(())
}
