-- What a row of the record of changes stands for, where no other row of the database has it: the
-- settings that a process runs with. The row's digest is of this text, so its hash covers it, too.
alter table audit add column detail text;

-- Whoever starts looks for the last of them.
create index audit_setting on audit (seq) where action = 'setting.change';
