mod calls;
mod exact;
mod oracle;
mod recipes;
mod support;
