-- A trigger keeps its plans as long as its session lasts, and cards come in by thousands: a plan made while the tables were
-- small read them whole for each card (5,000 cards in 9 to 30 s). By their indexes it takes the same time for any size.
alter function cards_follow_fingerprint(bytea, boolean) set enable_seqscan = off;
alter function cards_follow_card() set enable_seqscan = off;
alter function cards_follow_credential() set enable_seqscan = off;
