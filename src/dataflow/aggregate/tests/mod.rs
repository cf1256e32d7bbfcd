mod calls;
mod exact;
mod recipes;
mod support;
