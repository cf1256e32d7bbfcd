mod file;
mod follow;
mod limits;
