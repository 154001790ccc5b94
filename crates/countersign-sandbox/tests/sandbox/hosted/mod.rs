//! The buyer's side, in process: a button's configuration, the page that it opens, the shop's page that
//! answers, and the merchant's server that finalizes.

mod answers;
mod bank;
mod buying;
mod configuration;
mod documented;
mod gifts;
mod pages;
mod paying;
mod redirecting;
mod scene;
mod scripts;
