PRAGMA application_id = 1096107092;
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'auditor-history','m001_tables','2026-11-28 15:06:20.282657+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'auditor-history','m002_views','2026-11-28 15:06:20.283482+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'auditor-history','m003_dismissals','2026-11-28 15:06:20.283697+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'auditor-history','m004_journal','2026-11-28 15:06:20.284123+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'auditor-history','m005_settings','2026-11-28 15:06:20.284516+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'auditor-history','m006_listed_as','2026-11-28 15:06:20.284678+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'auditor-history','m007_spooled','2026-11-28 15:06:20.284876+00:00');
CREATE TABLE cluster_attempts ( -- What each run saw of each cluster.
    id INTEGER PRIMARY KEY, -- in the order of recording
    attempt INTEGER NOT NULL REFERENCES vcenter_attempts, -- the reading of the vCenter this belongs to
    run INTEGER NOT NULL REFERENCES runs, -- the run
    cluster INTEGER NOT NULL REFERENCES clusters, -- the cluster
    at TEXT NOT NULL, -- when
    name TEXT NOT NULL, -- its name then
    mode TEXT, -- image or baselines; NULL: not read
    image INTEGER REFERENCES images, -- its desired image; NULL: not read
    document INTEGER REFERENCES documents -- the whole answer (kind cluster); NULL after retention
);
INSERT INTO "cluster_attempts" VALUES(1,1,1,1,'2026-01-01T00:00:00.000000Z','name of domain-c1','image',1,7);
INSERT INTO "cluster_attempts" VALUES(2,2,2,1,'2026-01-01T00:01:00.000000Z','name of domain-c1','image',2,24);
CREATE TABLE clusters ( -- Every cluster ever listed.
    id INTEGER PRIMARY KEY, -- referred to by the other tables
    vcenter TEXT NOT NULL, -- the vCenter's name in the configuration
    instance_uuid TEXT NOT NULL, -- the vCenter's identity; empty if it was not read
    cluster TEXT NOT NULL, -- managed object id
    name TEXT NOT NULL, -- newest name
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that listed it
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that listed it
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL, -- when last
    UNIQUE (vcenter, instance_uuid, cluster)
);
INSERT INTO "clusters" VALUES(1,'vc','uuid-1','domain-c1','name of domain-c1',1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
CREATE TABLE dismissals ( -- Hosts that a person said are gone on purpose.
    id INTEGER PRIMARY KEY, -- in the order of recording
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    after_run INTEGER NOT NULL, -- newest run then; a later listing of the host ends the dismissal
    at TEXT NOT NULL, -- when
    reason TEXT NOT NULL -- why, in the person's words
);
CREATE TABLE documents ( -- What was read, each distinct text once.
    id INTEGER PRIMARY KEY, -- referred to by the other tables
    kind TEXT NOT NULL, -- what the text describes: vibs, components, image, inventory …
    hash TEXT NOT NULL, -- SHA-256 of content
    content TEXT NOT NULL, -- JSON with sorted keys; {"document": hash} stands for another document
    first_run INTEGER NOT NULL REFERENCES runs, -- run that stored it
    UNIQUE (kind, hash)
);
INSERT INTO "documents" VALUES(1,'inventory','866d81e9095eea21af71c5678c36a4e0c8054b3311e8c50689f1bf8233fdadff','[{"boot_time":null,"build":"","cluster":"domain-c1","connection":"connected","hardware":"","id":"host-0","in_maintenance_mode":null,"name":"esx01","power":"","reboot_required":null,"uuid":"","version":""},{"boot_time":null,"build":"","cluster":"domain-c1","connection":"connected","hardware":"","id":"host-1","in_maintenance_mode":null,"name":"esx02","power":"","reboot_required":null,"uuid":"","version":""}]',1);
INSERT INTO "documents" VALUES(2,'depot','bf7f6e7e9db86051d2b142dac02eb16829c42e75179dcd9c94ba9656139bf286','{"add_ons":[["HPE-addon","803.0.0.11"]],"base_images":["8.0.3-0.60.24585383"]}',1);
INSERT INTO "documents" VALUES(3,'vcenter','a5a49e49bcd9dbc9d8a3d9832c333edaa80fe82b95904d832faa0f91a580051b','{"readings":{"clusters":{"rows":"cluster_attempts"},"depot":{"document":"bf7f6e7e9db86051d2b142dac02eb16829c42e75179dcd9c94ba9656139bf286"},"hosts":{"documents":["866d81e9095eea21af71c5678c36a4e0c8054b3311e8c50689f1bf8233fdadff"]},"marks":{"rows":"vcenter_marks"}}}',1);
INSERT INTO "documents" VALUES(4,'image','7570e51735029b8a7aa2dc392690f7b14a5fa1477faa57c5d176f7d21a8fac29','{"add_on":{"display":"","in_depot":null,"name":"HPE-addon","version":"803.0.0.11"},"alternatives":[],"base_image":{"display":"","in_depot":null,"version":"8.0.3-0.60.24585383"},"components":{},"hardware_support":[],"removed_components":[],"solutions":[],"spec":"{\"base_image\": {}}"}',1);
INSERT INTO "documents" VALUES(5,'verdict','367101fda2858cb114327ce6de85b644ea065bde015c0dca4ee17f5213d7e97b','{"add_on":null,"base_image":null,"components":[],"hardware_support":[],"host":"","image":"","solutions":[],"stage_status":"","status":"COMPLIANT"}',1);
INSERT INTO "documents" VALUES(6,'compliance','2926cda166d8b2b5c82a772a61de6156cda295bf8ed82dda7fe90adf82ff33c5','{"commit":"5","host_names":[],"hosts":[["host-1","367101fda2858cb114327ce6de85b644ea065bde015c0dca4ee17f5213d7e97b"]],"impact":"","scan_time":null,"status":"COMPLIANT","unavailable_hosts":[]}',1);
INSERT INTO "documents" VALUES(7,'cluster','497a4b12f8d9c2e4e1594a7914e9c13947a5401f1b1888830ad36b929d7fe661','{"id":"domain-c1","name":"name of domain-c1","readings":{"commit":{"value":{"author":"admin","description":"first","id":"5","time":null}},"compliance":{"document":"2926cda166d8b2b5c82a772a61de6156cda295bf8ed82dda7fe90adf82ff33c5","scan_time":"2026-01-01T00:00:00Z"},"image":{"document":"7570e51735029b8a7aa2dc392690f7b14a5fa1477faa57c5d176f7d21a8fac29"},"mode":{"value":"image"}}}',1);
INSERT INTO "documents" VALUES(8,'settings','bc7e874b19dd3f54f77c87b4c81ed164a1ad7feb5d55d1281ed00601df6f5262','[["servers","ntp0.example.org"]]',1);
INSERT INTO "documents" VALUES(9,'product','c0ab98f64fa12b5076d0b4dfe3de74267fdac93032605269beb22f89c7871a06','{"build":"24585383","label":"","name":"","patch":"","update":"","version":"8.0.3"}',1);
INSERT INTO "documents" VALUES(10,'maintenance_mode','fcbcf165908dd18a9e49f7ff27810176db8e9f63b4352213741664245224f8aa','false',1);
INSERT INTO "documents" VALUES(11,'vibs','505fda8a3b248c25bce3fa7fe83a0ef2b8b8d3b198eabf63af4b46d8c2021264','[{"acceptance_level":"VMwareCertified","name":"vib-0","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-1","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-2","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-3","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-4","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-5","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-6","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-7","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-8","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-9","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-10","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-11","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-12","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-13","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-14","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-15","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-16","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-17","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-18","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"},{"acceptance_level":"VMwareCertified","name":"vib-19","platforms":"","vendor":"VMware","version":"8.0.3-0.60.24585383"}]',1);
INSERT INTO "documents" VALUES(12,'vib_install_dates','491836931b1fcf70bb77a1839a097edb7c08b0ef4fbd39cb09e9b81f25997a4b','[["2026-01-02",20]]',1);
INSERT INTO "documents" VALUES(13,'base_image','d0e5727493d27fb3cf0ee71336d07118120179334d03b8380b63a9f0287fc81b','{"display":"","in_depot":null,"version":"8.0.3-0.60.24585383"}',1);
INSERT INTO "documents" VALUES(14,'add_on','cb72442a99f5ea4d1120714018eb0b055485c3a230c47ca3540e33cf2cb706d7','{"display":"","in_depot":null,"name":"HPE-addon","version":"803.0.0.11"}',1);
INSERT INTO "documents" VALUES(15,'components','dbf1475d7b60eff3b83cf21d351fafcecb0448b2122f003f3756f1593b37e6d2','[{"display":"","name":"component-0","vendor":"","version":"8.0.3-0.60.24585383"},{"display":"","name":"component-1","vendor":"","version":"8.0.3-0.60.24585383"},{"display":"","name":"component-2","vendor":"","version":"8.0.3-0.60.24585383"},{"display":"","name":"component-3","vendor":"","version":"8.0.3-0.60.24585383"},{"display":"","name":"component-4","vendor":"","version":"8.0.3-0.60.24585383"},{"display":"","name":"component-5","vendor":"","version":"8.0.3-0.60.24585383"},{"display":"","name":"component-6","vendor":"","version":"8.0.3-0.60.24585383"},{"display":"","name":"component-7","vendor":"","version":"8.0.3-0.60.24585383"},{"display":"","name":"component-8","vendor":"","version":"8.0.3-0.60.24585383"},{"display":"","name":"component-9","vendor":"","version":"8.0.3-0.60.24585383"}]',1);
INSERT INTO "documents" VALUES(16,'staged','74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b','null',1);
INSERT INTO "documents" VALUES(17,'bank_target','169679f69ad3cc5be678d0fed1a62df5834a2e96c51cae8f296bdaae895d0ca4','"/vmfs/volumes/a"',1);
INSERT INTO "documents" VALUES(18,'boot_cfg','188da2843a3f5043a57745147df046069b60fd65c0016af86a5dad319be5cc17','"dXBkYXRlZD0xCg=="',1);
INSERT INTO "documents" VALUES(19,'host','5393caba3216e1f0908c105be0664ef34a515329b2c324a7cc0bb7667dad783c','{"banks":["/bootbank"],"readings":{"/bootbank boot.cfg":{"document":"188da2843a3f5043a57745147df046069b60fd65c0016af86a5dad319be5cc17"},"/bootbank target":{"document":"169679f69ad3cc5be678d0fed1a62df5834a2e96c51cae8f296bdaae895d0ca4"},"add_on":{"document":"cb72442a99f5ea4d1120714018eb0b055485c3a230c47ca3540e33cf2cb706d7"},"base_image":{"document":"d0e5727493d27fb3cf0ee71336d07118120179334d03b8380b63a9f0287fc81b"},"components":{"document":"dbf1475d7b60eff3b83cf21d351fafcecb0448b2122f003f3756f1593b37e6d2"},"maintenance_mode":{"document":"fcbcf165908dd18a9e49f7ff27810176db8e9f63b4352213741664245224f8aa"},"product":{"document":"c0ab98f64fa12b5076d0b4dfe3de74267fdac93032605269beb22f89c7871a06"},"staged":{"document":"74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"},"vibs":{"document":"505fda8a3b248c25bce3fa7fe83a0ef2b8b8d3b198eabf63af4b46d8c2021264","install_dates":"491836931b1fcf70bb77a1839a097edb7c08b0ef4fbd39cb09e9b81f25997a4b"}},"trouble":null}',1);
INSERT INTO "documents" VALUES(20,'host','68e184b2dd9dc48fbac3bc3eaeeb247f3f94bb86c268917f3341654f2d391cca','{"banks":[],"readings":{"add_on":{"document":"cb72442a99f5ea4d1120714018eb0b055485c3a230c47ca3540e33cf2cb706d7"},"base_image":{"document":"d0e5727493d27fb3cf0ee71336d07118120179334d03b8380b63a9f0287fc81b"},"components":{"document":"dbf1475d7b60eff3b83cf21d351fafcecb0448b2122f003f3756f1593b37e6d2"},"maintenance_mode":{"document":"fcbcf165908dd18a9e49f7ff27810176db8e9f63b4352213741664245224f8aa"},"product":{"document":"c0ab98f64fa12b5076d0b4dfe3de74267fdac93032605269beb22f89c7871a06"},"staged":{"detail":"not so","raw":"","unread":"not-supported"},"vibs":{"document":"505fda8a3b248c25bce3fa7fe83a0ef2b8b8d3b198eabf63af4b46d8c2021264","install_dates":"491836931b1fcf70bb77a1839a097edb7c08b0ef4fbd39cb09e9b81f25997a4b"}},"trouble":null}',1);
INSERT INTO "documents" VALUES(21,'maintenance_mode','b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b','true',1);
INSERT INTO "documents" VALUES(22,'host','45471218fb122f8471f29326a665265cbc28dcfdd8b5ddc256ea92617a536faa','{"banks":["/bootbank"],"readings":{"/bootbank boot.cfg":{"document":"188da2843a3f5043a57745147df046069b60fd65c0016af86a5dad319be5cc17"},"/bootbank target":{"document":"169679f69ad3cc5be678d0fed1a62df5834a2e96c51cae8f296bdaae895d0ca4"},"add_on":{"document":"cb72442a99f5ea4d1120714018eb0b055485c3a230c47ca3540e33cf2cb706d7"},"base_image":{"document":"d0e5727493d27fb3cf0ee71336d07118120179334d03b8380b63a9f0287fc81b"},"components":{"document":"dbf1475d7b60eff3b83cf21d351fafcecb0448b2122f003f3756f1593b37e6d2"},"maintenance_mode":{"document":"b5bea41b6c623f7c09f1bf24dcae58ebab3c0cdd90ad966bc43a45b44867e12b"},"product":{"document":"c0ab98f64fa12b5076d0b4dfe3de74267fdac93032605269beb22f89c7871a06"},"staged":{"document":"74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"},"vibs":{"document":"505fda8a3b248c25bce3fa7fe83a0ef2b8b8d3b198eabf63af4b46d8c2021264","install_dates":"491836931b1fcf70bb77a1839a097edb7c08b0ef4fbd39cb09e9b81f25997a4b"}},"trouble":null}',1);
INSERT INTO "documents" VALUES(23,'image','30de70959a81345518042e17a0fda59ff53700c91ba13801c357df29b921740b','{"add_on":{"display":"","in_depot":null,"name":"HPE-addon","version":"803.0.0.11"},"alternatives":[],"base_image":{"display":"","in_depot":null,"version":"8.0.3-0.70.24674464"},"components":{},"hardware_support":[],"removed_components":[],"solutions":[],"spec":"{\"base_image\": {}}"}',2);
INSERT INTO "documents" VALUES(24,'cluster','fca28fefa15457a093538001dd834b39f404ea7012fb7eb166d53f59354cad28','{"id":"domain-c1","name":"name of domain-c1","readings":{"commit":{"value":{"author":"admin","description":"first","id":"5","time":null}},"compliance":{"document":"2926cda166d8b2b5c82a772a61de6156cda295bf8ed82dda7fe90adf82ff33c5","scan_time":"2026-01-01T00:01:00Z"},"image":{"document":"30de70959a81345518042e17a0fda59ff53700c91ba13801c357df29b921740b"},"mode":{"value":"image"}}}',2);
INSERT INTO "documents" VALUES(25,'settings','f043dc9366d02c9fbee66cdeb22071791aeea57426c1c7a97faf1ef57dc1e87f','[["servers","ntp1.example.org"]]',2);
INSERT INTO "documents" VALUES(26,'product','2feef9a6b50987fd2f38d5cfd35c9f9bec1b43977578813e0bf44727e3de4e56','{"build":"24674464","label":"","name":"","patch":"","update":"","version":"8.0.3"}',2);
INSERT INTO "documents" VALUES(27,'vibs','8b69eb068ae4d2945b85276be99f309a2374cff32db30784fcc5dd7ba430950c','[{"acceptance_level":"VMwareCertified","name":"vib-0","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-1","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-2","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-3","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-4","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-5","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-6","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-7","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-8","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-9","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-10","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-11","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-12","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-13","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-14","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-15","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-16","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-17","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-18","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"},{"acceptance_level":"VMwareCertified","name":"vib-19","platforms":"","vendor":"VMware","version":"8.0.3-0.70.24674464"}]',2);
INSERT INTO "documents" VALUES(28,'base_image','3a46ae2d23c6ea0434c51f314e120fd06a8c3cda3a1713b67fc5c319f410d40e','{"display":"","in_depot":null,"version":"8.0.3-0.70.24674464"}',2);
INSERT INTO "documents" VALUES(29,'components','faa93264d766e4275cd14e2545e7385f978b91849752706aab71307e88851212','[{"display":"","name":"component-0","vendor":"","version":"8.0.3-0.70.24674464"},{"display":"","name":"component-1","vendor":"","version":"8.0.3-0.70.24674464"},{"display":"","name":"component-2","vendor":"","version":"8.0.3-0.70.24674464"},{"display":"","name":"component-3","vendor":"","version":"8.0.3-0.70.24674464"},{"display":"","name":"component-4","vendor":"","version":"8.0.3-0.70.24674464"},{"display":"","name":"component-5","vendor":"","version":"8.0.3-0.70.24674464"},{"display":"","name":"component-6","vendor":"","version":"8.0.3-0.70.24674464"},{"display":"","name":"component-7","vendor":"","version":"8.0.3-0.70.24674464"},{"display":"","name":"component-8","vendor":"","version":"8.0.3-0.70.24674464"},{"display":"","name":"component-9","vendor":"","version":"8.0.3-0.70.24674464"}]',2);
INSERT INTO "documents" VALUES(30,'host','627713e54d99e01fe3e21312f85146c3d3787887b0d611c7ee377339ded87057','{"banks":["/bootbank"],"readings":{"/bootbank boot.cfg":{"document":"188da2843a3f5043a57745147df046069b60fd65c0016af86a5dad319be5cc17"},"/bootbank target":{"document":"169679f69ad3cc5be678d0fed1a62df5834a2e96c51cae8f296bdaae895d0ca4"},"add_on":{"document":"cb72442a99f5ea4d1120714018eb0b055485c3a230c47ca3540e33cf2cb706d7"},"base_image":{"document":"3a46ae2d23c6ea0434c51f314e120fd06a8c3cda3a1713b67fc5c319f410d40e"},"components":{"document":"faa93264d766e4275cd14e2545e7385f978b91849752706aab71307e88851212"},"maintenance_mode":{"document":"fcbcf165908dd18a9e49f7ff27810176db8e9f63b4352213741664245224f8aa"},"product":{"document":"2feef9a6b50987fd2f38d5cfd35c9f9bec1b43977578813e0bf44727e3de4e56"},"staged":{"document":"74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"},"vibs":{"document":"8b69eb068ae4d2945b85276be99f309a2374cff32db30784fcc5dd7ba430950c","install_dates":"491836931b1fcf70bb77a1839a097edb7c08b0ef4fbd39cb09e9b81f25997a4b"}},"trouble":null}',2);
INSERT INTO "documents" VALUES(31,'host','cfb95eb619681cb2ccac483dc9ef273b3b26a4ad214ef8aec29f989c079fe184','{"banks":[],"readings":{"add_on":{"document":"cb72442a99f5ea4d1120714018eb0b055485c3a230c47ca3540e33cf2cb706d7"},"base_image":{"document":"3a46ae2d23c6ea0434c51f314e120fd06a8c3cda3a1713b67fc5c319f410d40e"},"components":{"document":"faa93264d766e4275cd14e2545e7385f978b91849752706aab71307e88851212"},"maintenance_mode":{"document":"fcbcf165908dd18a9e49f7ff27810176db8e9f63b4352213741664245224f8aa"},"product":{"document":"2feef9a6b50987fd2f38d5cfd35c9f9bec1b43977578813e0bf44727e3de4e56"},"staged":{"detail":"not so","raw":"","unread":"not-supported"},"vibs":{"document":"8b69eb068ae4d2945b85276be99f309a2374cff32db30784fcc5dd7ba430950c","install_dates":"491836931b1fcf70bb77a1839a097edb7c08b0ef4fbd39cb09e9b81f25997a4b"}},"trouble":null}',2);
INSERT INTO "documents" VALUES(32,'host','ec983b897faac5e31aa0b96d8051f9b18278e67f41a96456762295301fb876b0','{"banks":[],"readings":{},"trouble":{"detail":"nothing answered","raw":"","unread":"unreachable"}}',2);
CREATE TABLE host_attempts ( -- Every try to read a host, also the failed ones: silence is not absence.
    id INTEGER PRIMARY KEY, -- in the order of recording
    run INTEGER NOT NULL REFERENCES runs, -- the run
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    route TEXT NOT NULL, -- vcenter, host-api or ssh
    at TEXT NOT NULL, -- when
    outcome TEXT NOT NULL, -- read: every reading has a value; partial: some have; failed: none
    reason TEXT NOT NULL DEFAULT '', -- why the route as a whole gave nothing; empty if it gave something
    detail TEXT NOT NULL DEFAULT '', -- the same in words
    answered INTEGER NOT NULL, -- readings with a value that came from the host itself
    document INTEGER REFERENCES documents -- the whole answer (kind host); NULL after retention
);
INSERT INTO "host_attempts" VALUES(1,1,1,'ssh','2026-01-01T00:00:00.000000Z','partial','','',10,19);
INSERT INTO "host_attempts" VALUES(2,1,1,'vcenter','2026-01-01T00:00:00.000000Z','partial','','',7,20);
INSERT INTO "host_attempts" VALUES(3,1,2,'ssh','2026-01-01T00:00:00.000000Z','partial','','',10,22);
INSERT INTO "host_attempts" VALUES(4,2,1,'ssh','2026-01-01T00:01:00.000000Z','partial','','',10,30);
INSERT INTO "host_attempts" VALUES(5,2,1,'vcenter','2026-01-01T00:01:00.000000Z','partial','','',7,31);
INSERT INTO "host_attempts" VALUES(6,2,2,'ssh','2026-01-01T00:01:00.000000Z','failed','unreachable','nothing answered',0,32);
CREATE TABLE hosts ( -- Every host ever listed by a vCenter or tried directly.
    id INTEGER PRIMARY KEY, -- referred to by the other tables
    vcenter TEXT NOT NULL, -- the vCenter's name in the configuration; empty for a host that was only configured
    name TEXT NOT NULL, -- the host's name
    first_run INTEGER NOT NULL REFERENCES runs, -- run that first knew it
    first_seen TEXT NOT NULL, -- when that was
    UNIQUE (vcenter, name)
);
INSERT INTO "hosts" VALUES(1,'vc','esx01',1,'2026-01-01T00:00:00.000000Z');
INSERT INTO "hosts" VALUES(2,'vc','esx02',1,'2026-01-01T00:00:00.000000Z');
CREATE TABLE images ( -- Every desired image ever seen, kept whole and never removed.
    id INTEGER PRIMARY KEY, -- referred to by cluster_attempts
    cluster INTEGER NOT NULL REFERENCES clusters, -- the cluster, and through it the vCenter's instance UUID
    commit_id TEXT, -- vLCM's commit id, reused after a restore; NULL: the commit could not be read
    commit_time TEXT, -- when it was committed; NULL: not read or not given
    commit_author TEXT, -- who committed it
    commit_description TEXT, -- the message given with it
    document INTEGER NOT NULL REFERENCES documents, -- the image, with the specification vLCM can import again
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that saw it
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that saw it
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL, -- when last
    UNIQUE (cluster, commit_id, commit_time, commit_author, commit_description, document)
);
INSERT INTO "images" VALUES(1,1,'5',NULL,'admin','first',4,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "images" VALUES(2,1,'5',NULL,'admin','first',23,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
CREATE TABLE journal ( -- What was intended and done, a row before each act and one after it. Never removed.
    id INTEGER PRIMARY KEY, -- in the order of writing
    operation INTEGER NOT NULL REFERENCES operations, -- the operation
    at TEXT NOT NULL, -- when
    subject TEXT NOT NULL, -- cluster or host
    step TEXT NOT NULL, -- the step
    phase TEXT NOT NULL, -- intent, done, failed or note
    data TEXT NOT NULL -- what resuming needs, JSON; never a secret
);
CREATE TABLE listed_as ( -- What a host's name stood for in the inventory while a row of listings lasted.
    listing INTEGER PRIMARY KEY REFERENCES listings, -- the row; none here where the hardware UUID was not read
    moid TEXT NOT NULL, -- managed object id of the host
    uuid TEXT NOT NULL -- hardware UUID of the machine
);
CREATE TABLE listings ( -- From when to when a vCenter listed a host in the same cluster, without a gap.
    id INTEGER PRIMARY KEY, -- in the order of recording
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    cluster TEXT NOT NULL, -- managed object id of the cluster; empty for a stand-alone host
    cluster_name TEXT NOT NULL, -- its name; empty if it was never read
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that listed it so
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that listed it so
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL -- when last
);
INSERT INTO "listings" VALUES(1,1,'domain-c1','name of domain-c1',1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "listings" VALUES(2,2,'domain-c1','name of domain-c1',1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
CREATE TABLE observations ( -- From when to when a host gave the same value for a reading, by one route.
    id INTEGER PRIMARY KEY, -- in the order of recording
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    route TEXT NOT NULL, -- vcenter, host-api or ssh
    reading TEXT NOT NULL, -- product, base_image, vibs … A reading without value neither ends nor extends the row.
    document INTEGER NOT NULL REFERENCES documents, -- the value
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that read this value
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that read this value
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL -- when last
);
INSERT INTO "observations" VALUES(1,1,'ssh','product',9,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(2,1,'ssh','maintenance_mode',10,1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(3,1,'ssh','vibs',11,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(4,1,'ssh','vib_install_dates',12,1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(5,1,'ssh','base_image',13,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(6,1,'ssh','add_on',14,1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(7,1,'ssh','components',15,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(8,1,'ssh','staged',16,1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(9,1,'ssh','/bootbank target',17,1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(10,1,'ssh','/bootbank boot.cfg',18,1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(11,1,'vcenter','product',9,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(12,1,'vcenter','maintenance_mode',10,1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(13,1,'vcenter','vibs',11,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(14,1,'vcenter','vib_install_dates',12,1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(15,1,'vcenter','base_image',13,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(16,1,'vcenter','add_on',14,1,2,'2026-01-01T00:00:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(17,1,'vcenter','components',15,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(18,2,'ssh','product',9,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(19,2,'ssh','maintenance_mode',21,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(20,2,'ssh','vibs',11,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(21,2,'ssh','vib_install_dates',12,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(22,2,'ssh','base_image',13,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(23,2,'ssh','add_on',14,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(24,2,'ssh','components',15,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(25,2,'ssh','staged',16,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(26,2,'ssh','/bootbank target',17,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(27,2,'ssh','/bootbank boot.cfg',18,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "observations" VALUES(28,1,'ssh','product',26,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(29,1,'ssh','vibs',27,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(30,1,'ssh','base_image',28,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(31,1,'ssh','components',29,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(32,1,'vcenter','product',26,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(33,1,'vcenter','vibs',27,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(34,1,'vcenter','base_image',28,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
INSERT INTO "observations" VALUES(35,1,'vcenter','components',29,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
CREATE TABLE operation_subjects ( -- The clusters or hosts an operation works on.
    operation INTEGER NOT NULL REFERENCES operations, -- the operation
    subject TEXT NOT NULL, -- cluster or host
    PRIMARY KEY (operation, subject)
) WITHOUT ROWID;
CREATE TABLE operations ( -- Write operations: one apply of a proposal, one rollback of a plan. Never removed.
    id INTEGER PRIMARY KEY, -- number of the operation
    kind TEXT NOT NULL, -- apply or rollback
    started TEXT NOT NULL, -- when it began
    finished TEXT, -- when it ended; NULL: it is running now, or it was killed
    outcome TEXT NOT NULL DEFAULT '', -- how it ended, in a word
    operator TEXT NOT NULL, -- who ran it
    ticket TEXT NOT NULL, -- under which ticket
    digest TEXT NOT NULL, -- hash of the proposal or plan
    document TEXT NOT NULL -- the proposal or plan itself, JSON
);
CREATE TABLE parts ( -- Which document refers to which.
    whole INTEGER NOT NULL REFERENCES documents, -- the document that refers
    part INTEGER NOT NULL REFERENCES documents, -- the document referred to
    PRIMARY KEY (whole, part)
) WITHOUT ROWID;
INSERT INTO "parts" VALUES(3,1);
INSERT INTO "parts" VALUES(3,2);
INSERT INTO "parts" VALUES(7,4);
INSERT INTO "parts" VALUES(6,5);
INSERT INTO "parts" VALUES(7,6);
INSERT INTO "parts" VALUES(24,6);
INSERT INTO "parts" VALUES(19,9);
INSERT INTO "parts" VALUES(20,9);
INSERT INTO "parts" VALUES(22,9);
INSERT INTO "parts" VALUES(19,10);
INSERT INTO "parts" VALUES(20,10);
INSERT INTO "parts" VALUES(30,10);
INSERT INTO "parts" VALUES(31,10);
INSERT INTO "parts" VALUES(19,11);
INSERT INTO "parts" VALUES(20,11);
INSERT INTO "parts" VALUES(22,11);
INSERT INTO "parts" VALUES(19,12);
INSERT INTO "parts" VALUES(20,12);
INSERT INTO "parts" VALUES(22,12);
INSERT INTO "parts" VALUES(30,12);
INSERT INTO "parts" VALUES(31,12);
INSERT INTO "parts" VALUES(19,13);
INSERT INTO "parts" VALUES(20,13);
INSERT INTO "parts" VALUES(22,13);
INSERT INTO "parts" VALUES(19,14);
INSERT INTO "parts" VALUES(20,14);
INSERT INTO "parts" VALUES(22,14);
INSERT INTO "parts" VALUES(30,14);
INSERT INTO "parts" VALUES(31,14);
INSERT INTO "parts" VALUES(19,15);
INSERT INTO "parts" VALUES(20,15);
INSERT INTO "parts" VALUES(22,15);
INSERT INTO "parts" VALUES(19,16);
INSERT INTO "parts" VALUES(22,16);
INSERT INTO "parts" VALUES(30,16);
INSERT INTO "parts" VALUES(19,17);
INSERT INTO "parts" VALUES(22,17);
INSERT INTO "parts" VALUES(30,17);
INSERT INTO "parts" VALUES(19,18);
INSERT INTO "parts" VALUES(22,18);
INSERT INTO "parts" VALUES(30,18);
INSERT INTO "parts" VALUES(22,21);
INSERT INTO "parts" VALUES(24,23);
INSERT INTO "parts" VALUES(30,26);
INSERT INTO "parts" VALUES(31,26);
INSERT INTO "parts" VALUES(30,27);
INSERT INTO "parts" VALUES(31,27);
INSERT INTO "parts" VALUES(30,28);
INSERT INTO "parts" VALUES(31,28);
INSERT INTO "parts" VALUES(30,29);
INSERT INTO "parts" VALUES(31,29);
CREATE TABLE runs ( -- One row per snapshot or audit.
    id INTEGER PRIMARY KEY, -- number of the run
    kind TEXT NOT NULL, -- snapshot or audit
    started TEXT NOT NULL, -- when it began
    finished TEXT, -- when it ended; NULL: it is running now, or it was killed
    outcome TEXT NOT NULL DEFAULT '', -- how it ended, in the words of the run
    hosts INTEGER NOT NULL DEFAULT 0, -- hosts that were tried
    unseen INTEGER NOT NULL DEFAULT 0, -- of these, hosts that answered by no route
    pruned INTEGER NOT NULL DEFAULT 0 -- 1: retention removed its details, so its view cannot be rebuilt
);
INSERT INTO "runs" VALUES(1,'snapshot','2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z','complete',2,0,0);
INSERT INTO "runs" VALUES(2,'snapshot','2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z','complete',2,1,0);
CREATE TABLE settings ( -- From when to when a host had the same settings of a group. Never removed.
    id INTEGER PRIMARY KEY, -- in the order of recording
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    group_name TEXT NOT NULL, -- ntp, dns, services … A group that could not be read neither ends nor extends the row.
    document INTEGER NOT NULL REFERENCES documents, -- the settings (kind settings), as [[name, value], …]
    first_run INTEGER NOT NULL REFERENCES runs, -- first run that read them
    last_run INTEGER NOT NULL REFERENCES runs, -- newest run that read them
    first_seen TEXT NOT NULL, -- when first
    last_seen TEXT NOT NULL -- when last
);
INSERT INTO "settings" VALUES(1,1,'ntp',8,1,1,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z');
INSERT INTO "settings" VALUES(2,1,'ntp',25,2,2,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z');
CREATE TABLE settings_attempts ( -- Every try to read a host's settings, also the failed ones.
    id INTEGER PRIMARY KEY, -- in the order of recording
    run INTEGER NOT NULL REFERENCES runs, -- the run
    host INTEGER NOT NULL REFERENCES hosts, -- the host
    at TEXT NOT NULL, -- when
    answered INTEGER NOT NULL, -- groups with a value
    unread TEXT NOT NULL -- JSON: why the other groups have none, each reason with its groups
);
INSERT INTO "settings_attempts" VALUES(1,1,1,'2026-01-01T00:00:00.000000Z',1,'[{"groups": ["lockdown"], "detail": "no right", "raw": "", "unread": "denied"}]');
INSERT INTO "settings_attempts" VALUES(2,2,1,'2026-01-01T00:01:00.000000Z',1,'[{"groups": ["lockdown"], "detail": "no right", "raw": "", "unread": "denied"}]');
CREATE TABLE spooled ( -- Runs that were first written to a file beside this one.
    name TEXT PRIMARY KEY, -- name of that file
    run INTEGER NOT NULL, -- the run; a number kept free while the file cannot be taken in yet
    taken INTEGER NOT NULL DEFAULT 0 -- 1: taken in, so never again
);
CREATE TABLE vcenter_attempts ( -- Every try to read a vCenter, also the failed ones.
    id INTEGER PRIMARY KEY, -- in the order of recording
    run INTEGER NOT NULL REFERENCES runs, -- the run
    vcenter TEXT NOT NULL, -- its name in the configuration
    at TEXT NOT NULL, -- when
    outcome TEXT NOT NULL, -- read: marks, clusters, hosts and depot have values; partial: some have; failed: none
    reason TEXT NOT NULL DEFAULT '', -- why nothing could be read; empty if something was
    detail TEXT NOT NULL DEFAULT '', -- the same in words
    inventory_read INTEGER NOT NULL, -- 1: the list of hosts was read
    document INTEGER REFERENCES documents -- the whole answer (kind vcenter); NULL after retention
);
INSERT INTO "vcenter_attempts" VALUES(1,1,'vc','2026-01-01T00:00:00.000000Z','read','','',1,3);
INSERT INTO "vcenter_attempts" VALUES(2,2,'vc','2026-01-01T00:01:00.000000Z','read','','',1,3);
CREATE TABLE vcenter_marks ( -- The marks by which a vCenter shows that it went back in time. Never removed.
    attempt INTEGER PRIMARY KEY REFERENCES vcenter_attempts, -- the try that read them
    run INTEGER NOT NULL REFERENCES runs, -- the run
    vcenter TEXT NOT NULL, -- its name in the configuration
    at TEXT NOT NULL, -- when
    instance_uuid TEXT NOT NULL, -- the vCenter's own identity; a restore keeps it
    version TEXT NOT NULL, -- product version
    build TEXT NOT NULL, -- build number
    newest_event_key INTEGER, -- running number of its newest event; NULL: not read
    newest_event_time TEXT, -- time of its newest event; NULL: not read
    clock TEXT, -- its own clock; NULL: not read
    unread TEXT NOT NULL DEFAULT '{}' -- JSON: why a NULL above was not read
);
INSERT INTO "vcenter_marks" VALUES(1,1,'vc','2026-01-01T00:00:00.000000Z','uuid-1','8.0.3','24022515',100,'2026-01-01T00:00:00.000000Z','2026-01-01T00:00:00.000000Z','{}');
INSERT INTO "vcenter_marks" VALUES(2,2,'vc','2026-01-01T00:01:00.000000Z','uuid-1','8.0.3','24022515',101,'2026-01-01T00:01:00.000000Z','2026-01-01T00:01:00.000000Z','{}');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX parts_by_part ON parts (part);
CREATE INDEX host_attempts_by_run ON host_attempts (run);
CREATE INDEX host_attempts_by_host ON host_attempts (host, run);
CREATE INDEX host_attempts_answered ON host_attempts (host, run) WHERE answered > 0;
CREATE INDEX observations_by_host ON observations (host, route, reading);
CREATE INDEX vcenter_attempts_by_run ON vcenter_attempts (run);
CREATE INDEX vcenter_attempts_by_vcenter ON vcenter_attempts (vcenter, run);
CREATE INDEX vcenter_marks_by_vcenter ON vcenter_marks (vcenter, instance_uuid);
CREATE INDEX listings_by_host ON listings (host);
CREATE INDEX listings_by_last_run ON listings (last_run);
CREATE INDEX cluster_attempts_by_attempt ON cluster_attempts (attempt);
CREATE INDEX cluster_attempts_by_cluster ON cluster_attempts (cluster, run);
CREATE INDEX cluster_attempts_by_run ON cluster_attempts (run);
CREATE VIEW latest_hosts AS -- Each host with its last known readings, whichever run and route gave them.
WITH newest AS (
    SELECT host, reading, document, max(last_seen) AS last_seen FROM observations GROUP BY host, reading
), known AS (
    SELECT newest.host AS host, max(newest.last_seen) AS last_answered,
        max(CASE WHEN reading = 'product' THEN json_extract(content, '$.version') END) AS version,
        max(CASE WHEN reading = 'product' THEN json_extract(content, '$.build') END) AS build,
        max(CASE WHEN reading = 'profile' THEN json_extract(content, '$.name') END) AS profile,
        max(CASE WHEN reading = 'base_image' THEN json_extract(content, '$.version') END) AS base_image,
        max(CASE WHEN reading = 'add_on' THEN json_extract(content, '$.name') END) AS add_on,
        max(CASE WHEN reading = 'add_on' THEN json_extract(content, '$.version') END) AS add_on_version,
        max(CASE WHEN reading = 'components' THEN json_array_length(content) END) AS components,
        max(CASE WHEN reading = 'vibs' THEN json_array_length(content) END) AS vibs,
        max(CASE WHEN reading = 'maintenance_mode' THEN json_extract(content, '$') END) AS maintenance_mode,
        max(CASE WHEN reading = 'vibs' THEN newest.last_seen END) AS vibs_last_seen
    FROM newest JOIN documents ON documents.id = newest.document GROUP BY newest.host
), listed AS (
    SELECT host, cluster, cluster_name, max(last_seen) AS last_listed FROM listings GROUP BY host
), tried AS (
    SELECT host, max(id) AS attempt FROM host_attempts GROUP BY host
)
SELECT hosts.vcenter AS vcenter, hosts.name AS host, listed.cluster AS cluster, listed.cluster_name AS cluster_name,
    known.version AS version, known.build AS build, known.profile AS profile, known.base_image AS base_image,
    known.add_on AS add_on, known.add_on_version AS add_on_version, known.components AS components, known.vibs AS vibs,
    known.maintenance_mode AS maintenance_mode, known.last_answered AS last_answered,
    known.vibs_last_seen AS vibs_last_seen, listed.last_listed AS last_listed, host_attempts.at AS last_attempt,
    host_attempts.route AS last_route, host_attempts.outcome AS last_outcome, host_attempts.reason AS last_reason,
    host_attempts.detail AS last_detail, hosts.first_seen AS first_seen
FROM hosts
LEFT JOIN known ON known.host = hosts.id
LEFT JOIN listed ON listed.host = hosts.id
LEFT JOIN tried ON tried.host = hosts.id
LEFT JOIN host_attempts ON host_attempts.id = tried.attempt
ORDER BY hosts.vcenter, hosts.name;
CREATE VIEW latest_clusters AS -- Each cluster with its last known mode, image and commit.
WITH listed AS (
    SELECT cluster, max(id) AS attempt,
        max(CASE WHEN mode IS NOT NULL THEN id END) AS mode_attempt,
        max(CASE WHEN image IS NOT NULL THEN id END) AS image_attempt
    FROM cluster_attempts GROUP BY cluster
)
SELECT clusters.vcenter AS vcenter, clusters.instance_uuid AS instance_uuid, clusters.cluster AS cluster,
    clusters.name AS name, modes.mode AS mode,
    json_extract(image.content, '$.base_image.version') AS base_image,
    json_extract(image.content, '$.add_on.name') AS add_on,
    json_extract(image.content, '$.add_on.version') AS add_on_version,
    images.commit_id AS commit_id, images.commit_time AS commit_time, images.commit_author AS commit_author,
    image_attempts.at AS image_seen,
    json_extract(compliance.content, '$.status') AS status,
    json_extract(newest.content, '$.readings.compliance.scan_time') AS scan_time,
    clusters.first_seen AS first_seen, clusters.last_seen AS last_seen
FROM clusters
LEFT JOIN listed ON listed.cluster = clusters.id
LEFT JOIN cluster_attempts AS attempts ON attempts.id = listed.attempt
LEFT JOIN cluster_attempts AS modes ON modes.id = listed.mode_attempt
LEFT JOIN cluster_attempts AS image_attempts ON image_attempts.id = listed.image_attempt
LEFT JOIN images ON images.id = image_attempts.image
LEFT JOIN documents AS image ON image.id = images.document
LEFT JOIN documents AS newest ON newest.id = attempts.document
LEFT JOIN documents AS compliance ON compliance.kind = 'compliance'
    AND compliance.hash = json_extract(newest.content, '$.readings.compliance.document')
ORDER BY clusters.vcenter, clusters.cluster, clusters.first_seen;
CREATE VIEW cluster_images AS -- Every desired image ever seen; spec is what vLCM's import takes.
SELECT clusters.vcenter AS vcenter, clusters.instance_uuid AS instance_uuid, clusters.cluster AS cluster,
    clusters.name AS name, images.commit_id AS commit_id, images.commit_time AS commit_time,
    images.commit_author AS commit_author, images.commit_description AS commit_description,
    json_extract(documents.content, '$.base_image.version') AS base_image,
    json_extract(documents.content, '$.add_on.name') AS add_on,
    json_extract(documents.content, '$.add_on.version') AS add_on_version,
    images.first_seen AS first_seen, images.last_seen AS last_seen,
    json_extract(documents.content, '$.spec') AS spec, documents.hash AS document
FROM images
JOIN clusters ON clusters.id = images.cluster
JOIN documents ON documents.id = images.document
ORDER BY clusters.vcenter, clusters.cluster, images.first_seen, images.id;
CREATE VIEW unread AS -- What could not be read, and why; one row per run, subject, route and reading.
SELECT a.run AS run, a.at AS at, 'host' AS subject, hosts.vcenter AS vcenter, hosts.name AS name, a.route AS route,
    'all' AS reading, a.reason AS reason, a.detail AS detail
FROM host_attempts AS a JOIN hosts ON hosts.id = a.host WHERE a.reason <> ''
UNION ALL
SELECT a.run, a.at, 'host', hosts.vcenter, hosts.name, a.route, e.key, json_extract(e.value, '$.unread'),
    json_extract(e.value, '$.detail')
FROM host_attempts AS a JOIN hosts ON hosts.id = a.host JOIN documents ON documents.id = a.document
JOIN json_each(documents.content, '$.readings') AS e
WHERE json_extract(e.value, '$.unread') IS NOT NULL
UNION ALL
SELECT a.run, a.at, 'vcenter', a.vcenter, a.vcenter, 'vcenter', e.key, json_extract(e.value, '$.unread'),
    json_extract(e.value, '$.detail')
FROM vcenter_attempts AS a JOIN documents ON documents.id = a.document
JOIN json_each(documents.content, '$.readings') AS e
WHERE json_extract(e.value, '$.unread') IS NOT NULL
UNION ALL
SELECT a.run, a.at, 'vcenter', a.vcenter, a.vcenter, 'vcenter', e.key, json_extract(e.value, '$.unread'),
    json_extract(e.value, '$.detail')
FROM vcenter_marks AS a JOIN json_each(a.unread) AS e
UNION ALL
SELECT a.run, a.at, 'cluster', clusters.vcenter, a.name, 'vcenter', e.key, json_extract(e.value, '$.unread'),
    json_extract(e.value, '$.detail')
FROM cluster_attempts AS a JOIN clusters ON clusters.id = a.cluster JOIN documents ON documents.id = a.document
JOIN json_each(documents.content, '$.readings') AS e
WHERE json_extract(e.value, '$.unread') IS NOT NULL;
CREATE INDEX dismissals_by_host ON dismissals (host);
CREATE INDEX journal_by_operation ON journal (operation);
CREATE INDEX settings_by_host ON settings (host, group_name);
CREATE INDEX settings_attempts_by_host ON settings_attempts (host);
CREATE INDEX settings_attempts_by_run ON settings_attempts (run);
CREATE VIEW latest_settings AS -- Each host's newest recorded settings, one row per setting.
WITH newest AS (
    SELECT host, group_name, document, first_seen, max(last_seen) AS last_seen FROM settings GROUP BY host, group_name
)
SELECT hosts.vcenter AS vcenter, hosts.name AS host, newest.group_name AS group_name,
    json_extract(e.value, '$[0]') AS name, json_extract(e.value, '$[1]') AS value,
    newest.first_seen AS first_seen, newest.last_seen AS last_seen
FROM newest JOIN hosts ON hosts.id = newest.host JOIN documents ON documents.id = newest.document
JOIN json_each(documents.content) AS e
ORDER BY hosts.vcenter, hosts.name, newest.group_name, name;
CREATE INDEX documents_by_first_run ON documents (first_run);
COMMIT;
